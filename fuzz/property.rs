//! What holds for any bytes that are read as a run or as qrels.

use hybridsampler_core::Invalid;
use hybridsampler_core::trec::Value;
use hybridsampler_core::trec::lists::Lists;

/// Every query with its documents, in order.
type Listed<V> = Vec<(String, Vec<(Vec<u8>, V)>)>;

fn parsed<V: Value>(data: &[u8], threads: usize) -> Result<Lists<V>, Invalid> {
    Lists::parse(Box::new(data.to_vec()), "file", Some(threads))
}

fn listed<V: Value>(lists: &Lists<V>) -> Listed<V> {
    let documents = |query| lists.rows(query).iter().map(|row| (lists.id(row).to_vec(), row.value)).collect();
    lists.queries().iter().enumerate().map(|(query, id)| (id.to_string(), documents(query))).collect()
}

/// A file that says the same.
fn written<V: Value>(listed: &Listed<V>) -> Vec<u8> {
    let mut text = Vec::new();
    for (query, documents) in listed {
        for (document, value) in documents {
            let mut columns = vec![b"0".to_vec(); V::COLUMNS.len()];
            columns[0] = query.clone().into_bytes();
            columns[2].clone_from(document);
            columns[V::AT] = value.to_string().into_bytes();
            text.extend(columns.join(&b' '));
            text.push(b'\n');
        }
    }
    text
}

/// Threads change neither the lists nor the error; an error names the file; each document is found where it stands, and on
/// the line that it comes from; the lists, written down, read as the same.
pub fn check<V: Value + PartialEq + std::fmt::Debug>(data: &[u8]) {
    let one = parsed::<V>(data, 1);
    match (&one, &parsed::<V>(data, 3)) {
        (Ok(one), Ok(other)) => assert_eq!(listed(one), listed(other)),
        (Err(one), Err(other)) => assert_eq!(one, other),
        _ => panic!("three threads disagree with one"),
    }
    let lists = match one {
        Ok(lists) => lists,
        Err(Invalid(message)) => {
            assert!(message.starts_with("file, line ") || message.starts_with("file has no line"), "{message}");
            return;
        }
    };
    let listed_once = listed(&lists);
    assert_eq!(lists.len(), listed_once.iter().map(|(_, documents)| documents.len()).sum::<usize>());
    for (query, (id, documents)) in listed_once.iter().enumerate() {
        assert_eq!(lists.number(id), Some(query));
        for (row, (document, _)) in documents.iter().enumerate() {
            assert_eq!(lists.find(query, document), Some(row));
        }
    }
    let lines: Vec<&[u8]> = data.split(|&byte| byte == b'\n').collect();
    let documents = listed_once.iter().flat_map(|(_, documents)| documents);
    for ((document, _), place) in documents.zip(lists.places()) {
        assert!(lines[place - 1].windows(document.len()).any(|part| part == document), "line {place}");
    }
    let again = parsed::<V>(&written(&listed_once), 1).expect("what was written is read");
    assert_eq!(listed(&again), listed_once);
    assert_eq!(again.places(), (1..=lists.len()).collect::<Vec<_>>());
}
