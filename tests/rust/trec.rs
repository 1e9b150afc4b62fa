//! Runs and qrels: files read as a naive reader reads them, ranks as sorting gives them, every mistake named.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::fs;
use std::path::Path;

use hybridsampler_core::tally::Ties;
use hybridsampler_core::trec::lists::Lists;
use hybridsampler_core::trec::ranks::{Precision, rank};
use hybridsampler_core::trec::{Qrels, Run, Value};
use proptest::prelude::*;

#[path = "../../fuzz/property.rs"]
mod property;

const ALL_TIES: [Ties; 4] = [Ties::Trec, Ties::Docid, Ties::Pessimistic, Ties::Optimistic];

fn parse<V: Value>(text: impl AsRef<[u8]>, threads: usize) -> Lists<V> {
    Lists::parse(Box::new(text.as_ref().to_vec()), "file", Some(threads)).unwrap()
}

fn refused<V: Value>(text: impl AsRef<[u8]>) -> String {
    match Lists::<V>::parse(Box::new(text.as_ref().to_vec()), "file", Some(1)) {
        Ok(_) => panic!("nothing was wrong"),
        Err(invalid) => invalid.0,
    }
}

fn replay(folder: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(folder);
    let files: Vec<_> = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(files.len() > 10, "{} seeds in {}", files.len(), folder.display());
    for file in files {
        check(&fs::read(file).unwrap());
    }
}

#[test]
fn the_seeds_of_the_fuzzer_hold_what_holds_for_any_bytes() {
    replay("run", property::check::<f64>);
    replay("qrels", property::check::<i64>);
}

/// Lines as programs write them: `(query, document, value)` between any white space, with lines to skip in between.
#[derive(Debug, Clone)]
struct File {
    rows: Vec<(usize, usize, usize)>,
    layout: Vec<u8>,
}

const QUERIES: [&str; 4] = ["1", "10", "q-2", "ق"];
const DOCUMENTS: [&str; 12] = ["d", "d1", "d10", "d2", "D", "文", "文書", "é", "e\u{301}", "z z", "-", "0"];
const SCORES: [&str; 9] = ["1", "1.0", "0", "-0", "1e-3", "1.00000001", "1.00000002", "-7.25", "1e300"];

fn files() -> impl Strategy<Value = File> {
    let rows: Vec<(usize, usize)> =
        (0..QUERIES.len()).flat_map(|q| (0..DOCUMENTS.len()).map(move |d| (q, d))).collect();
    let size = rows.len();
    let chosen = prop::sample::subsequence(rows, 1..=size).prop_shuffle();
    (chosen, prop::collection::vec(0..SCORES.len(), size), prop::collection::vec(any::<u8>(), 8)).prop_map(
        |(rows, values, layout)| File { rows: rows.iter().zip(values).map(|(&(q, d), v)| (q, d, v)).collect(), layout },
    )
}

/// An id as it can stand in a file.
fn id(document: usize) -> String {
    DOCUMENTS[document].replace(' ', "_")
}

impl File {
    fn text(&self, columns: impl Fn(usize, usize, usize) -> Vec<String>) -> String {
        let mut layout = self.layout.iter().cycle();
        let mut text = String::new();
        for &(query, document, value) in &self.rows {
            let style = layout.next().unwrap();
            let space = [" ", "\t", " \t ", "\u{b}"][usize::from(style & 3)];
            text += ["", "# a comment\n", "\n", " \r\n"][usize::from(style >> 2 & 3)];
            text += ["", " "][usize::from(style >> 4 & 1)];
            text += &columns(query, document, value).join(space);
            text += ["\n", "\r\n", " \n", "\t\r\n"][usize::from(style >> 5 & 3)];
        }
        text
    }

    fn run(&self) -> String {
        self.text(|query, document, value| {
            [QUERIES[query], "Q0", &id(document), "1", SCORES[value], "a tag"].map(String::from).into()
        })
    }

    fn qrels(&self) -> String {
        let grade = |value: usize| (value % 3).to_string();
        self.text(|query, document, value| vec![QUERIES[query].into(), "0".into(), id(document), grade(value)])
    }
}

/// Splits lines at white space, by query in order of appearance.
fn naive_lists(text: &str, at: usize) -> Vec<(String, Vec<(String, f64)>)> {
    let mut lists: Vec<(String, Vec<(String, f64)>)> = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty() && !line.trim().starts_with('#')) {
        let columns: Vec<&str> = line.split_ascii_whitespace().flat_map(|part| part.split('\u{b}')).collect();
        let row = (columns[2].to_string(), columns[at].parse().unwrap());
        match lists.iter_mut().find(|(query, _)| query == columns[0]) {
            Some((_, rows)) => rows.push(row),
            None => lists.push((columns[0].to_string(), vec![row])),
        }
    }
    lists
}

/// Sorts the whole list.
fn naive_ranks(documents: &[(String, f64)], grades: &HashMap<&str, i64>, ties: Ties) -> HashMap<String, i64> {
    let grade = |id: &str| grades.get(id).copied().unwrap_or(-1);
    let mut sorted = documents.to_vec();
    sorted.sort_by(|(a, x), (b, y)| {
        let by_id = a.as_bytes().cmp(b.as_bytes());
        y.partial_cmp(x).unwrap_or(Ordering::Equal).then(match ties {
            Ties::Trec => by_id.reverse(),
            Ties::Docid => by_id,
            Ties::Pessimistic => grade(a).cmp(&grade(b)).then(by_id),
            Ties::Optimistic => grade(b).cmp(&grade(a)).then(by_id),
        })
    });
    sorted.into_iter().zip(1..).map(|((id, _), rank)| (id, rank)).collect()
}

proptest! {
    #[test]
    fn files_are_read_as_a_naive_reader_reads_them(file in files(), threads in 1_usize..9) {
        let text = file.run();
        let run: Run = parse(&text, threads);
        let naive = naive_lists(&text, 4);
        prop_assert_eq!(run.queries().len(), naive.len());
        for (query, (id, documents)) in naive.iter().enumerate() {
            prop_assert_eq!(&*run.queries()[query], id);
            let read: Vec<_> = run.rows(query).iter().map(|row| (run.id(row), row.value)).collect();
            let naive: Vec<_> = documents.iter().map(|(id, score)| (id.as_bytes(), *score)).collect();
            prop_assert_eq!(read, naive);
        }
    }

    #[test]
    fn ranks_are_those_of_sorting(run in files(), qrels in files(), threads in 1_usize..6) {
        let (run_text, qrels_text) = (run.run(), qrels.qrels());
        let (run, qrels): (Run, Qrels) = (parse(&run_text, 1), parse(&qrels_text, 1));
        let (naive_run, naive_qrels) = (naive_lists(&run_text, 4), naive_lists(&qrels_text, 3));
        for ties in ALL_TIES {
            for precision in [Precision::Single, Precision::Double] {
                let ranks = rank(&run, &qrels, ties, precision, Some(threads));
                let mut row = 0;
                for (number, (query, judged)) in naive_qrels.iter().enumerate() {
                    let mut documents = naive_run.iter().find(|(id, _)| id == query).map_or(vec![], |(_, d)| d.clone());
                    if precision == Precision::Single {
                        for (_, score) in &mut documents {
                            *score = f64::from(*score as f32);
                        }
                    }
                    let grades = judged.iter().map(|(id, grade)| (id.as_str(), *grade as i64)).collect();
                    let naive = naive_ranks(&documents, &grades, ties);
                    prop_assert_eq!(ranks.pool[number], documents.len() as i64);
                    for (id, grade) in judged {
                        let found = (ranks.query[row], ranks.grade[row], ranks.rank[row]);
                        let expected = (number as i64, *grade as i64, naive.get(id).copied().unwrap_or(0));
                        prop_assert_eq!(found, expected);
                        row += 1;
                    }
                }
                prop_assert_eq!(row, ranks.rank.len());
            }
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(data in prop::collection::vec(any::<u8>(), 0..200)) {
        property::check::<f64>(&data);
        property::check::<i64>(&data);
    }

    /// What a fuzzer would find by itself: files that are almost right.
    #[test]
    fn broken_files_are_read_or_refused(file in files(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        for text in [file.run(), file.qrels()] {
            let mut bytes = text.into_bytes();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            property::check::<f64>(&bytes);
            property::check::<i64>(&bytes);
        }
    }
}

#[test]
fn long_lists_are_ranked_and_searched_too() {
    let line =
        |query: usize, document: usize| format!("{query} Q0 d{document} 0 {} t\n", (document * 7919 + query) % 250);
    let text: String = (0..3).flat_map(|query| (0..2000).map(move |document| line(query, document))).collect();
    let qrels_text: String =
        (0..3).flat_map(|query| (0..300).map(move |k| format!("{query} 0 d{} 1\n", k * 7))).collect();
    let (run, qrels): (Run, Qrels) = (parse(&text, 4), parse(&qrels_text, 2));
    let naive_run = naive_lists(&text, 4);
    for ties in ALL_TIES {
        let ranks = rank(&run, &qrels, ties, Precision::Double, Some(3));
        for (row, &rank) in ranks.rank.iter().enumerate() {
            let (query, document) = (row / 300, format!("d{}", row % 300 * 7));
            let grades: HashMap<String, i64> = (0..300).map(|k| (format!("d{}", k * 7), 1)).collect();
            let grades = grades.iter().map(|(id, grade)| (id.as_str(), *grade)).collect();
            if row % 60 == 0 {
                let naive = naive_ranks(&naive_run[query].1, &grades, ties);
                assert_eq!(naive.get(&document).copied().unwrap_or(0), rank);
            }
        }
    }
}

#[test]
fn a_broken_line_names_its_number_the_value_and_the_remedy() {
    let good = "1 Q0 a 1 2 t\n\n# comment\n";
    let cases: [(&[u8], &str); 16] = [
        (b"1 Q0 b 1 high t", "score \"high\" is no number: write it like 12.5 or 1e-3"),
        (b"1 Q0 b 1 2.5x t", "score \"2.5x\" is no number: write it like 12.5 or 1e-3"),
        (b"1 Q0 b 1 0x10 t", "score \"0x10\" is no number: write it like 12.5 or 1e-3"),
        (
            b"1 Q0 b 1 nan t",
            "score NaN is not finite and has no place in a ranking: leave the document out or give it a number",
        ),
        (
            b"1 Q0 b 1 -inf t",
            "score -inf is not finite and has no place in a ranking: leave the document out or give it a number",
        ),
        (
            b"1 Q0 b 1 1e999 t",
            "score inf is not finite and has no place in a ranking: leave the document out or give it a number",
        ),
        (b"1 Q0 b 1 2", "5 columns where 6 are needed: query Q0 document rank score tag"),
        (b"1 0 b 1", "4 columns where 6 are needed: query Q0 document rank score tag"),
        (b"1", "1 columns where 6 are needed: query Q0 document rank score tag"),
        (b"1 Q0 b 1 2 t\r2 Q0 b 1 2 t", "a carriage return inside the line: end lines with a line feed"),
        (b"1 Q0 b 1 2\r2 Q0 b 1 2\r", "a carriage return inside the line: end lines with a line feed"),
        (b"1 Q0\rb 1 2 t\r", "a carriage return inside the line: end lines with a line feed"),
        (b"1 Q0 \xe9 1 2 t", "\"\\xe9\" is not UTF-8: convert the file, as with iconv -t utf-8"),
        (b"\xe9 Q0 b 1 2 t", "\"\\xe9\" is not UTF-8: convert the file, as with iconv -t utf-8"),
        (b"1 Q0 b 1 \xe9 t", "\"\\xe9\" is not UTF-8: convert the file, as with iconv -t utf-8"),
        (b"1 Q0 \0 1 2 t", "a zero byte: this is no UTF-8 text, unpack it or convert it with iconv -t utf-8"),
    ];
    for (line, message) in cases {
        assert_eq!(refused::<f64>([good.as_bytes(), line, b"\n"].concat()), format!("file, line 4: {message}"));
    }
    let cases = [
        (
            "1 0 b 0.5",
            "grade \"0.5\" is no whole number of 64 bits: write 0 for not relevant, 1 and above for relevant",
        ),
        (
            "1 0 b 9223372036854775808",
            "grade \"9223372036854775808\" is no whole number of 64 bits: write 0 for not relevant, 1 and above for relevant",
        ),
        (
            "1 0 b -2",
            "grade -2 is negative, which every collection uses in its own way: write 0 for judged and not relevant, or leave \
             it out for not judged, as trec_eval takes it",
        ),
        ("1 b 1", "3 columns where 4 are needed: query iteration document grade"),
        ("1 0 b 1 0.3", "\"0.3\" follows the 4 columns query iteration document grade: take it out"),
        ("1 0 b 1\r2 0 b 1", "a carriage return inside the line: end lines with a line feed"),
    ];
    for (line, message) in cases {
        assert_eq!(refused::<i64>(format!("1 0 a 1\n{line}")), format!("file, line 2: {message}"));
    }
}

#[test]
fn what_is_broken_is_found_wherever_it_stands_in_a_long_file() {
    let line = |number: usize| format!("query{} Q0 document{number} 1 {number} t\n", number % 7);
    let lines: Vec<Vec<u8>> = (0..20_000).map(|number| line(number).into_bytes()).collect();
    for at in [0, 4_321, 12_345, 19_999] {
        for (broken, message) in [
            (
                &b"1 Q0 b\0 1 2 t\n"[..],
                "a zero byte: this is no UTF-8 text, unpack it or convert it with iconv -t utf-8",
            ),
            (b"1 Q0 \xe9 1 2 t\n", "\"\\xe9\" is not UTF-8: convert the file, as with iconv -t utf-8"),
            (b"1 Q0 b 1\r2 t\n", "a carriage return inside the line: end lines with a line feed"),
        ] {
            let text = [&lines[..at].concat(), broken, &lines[at..].concat()].concat();
            assert_eq!(refused::<f64>(text), format!("file, line {}: {message}", at + 1));
        }
    }
    assert_eq!(Lists::<f64>::parse(Box::new(lines.concat()), "file", Some(1)).unwrap().len(), 20_000);
}

#[test]
fn columns_stand_between_what_the_c_locale_calls_white_space() {
    let read = |byte| Lists::<i64>::parse(Box::new([b"1 0 d", &[byte][..], b"3"].concat()), "file", Some(1)).is_ok();
    let between: Vec<u8> = (0..=u8::MAX).filter(|&byte| read(byte)).collect();
    // Without a line feed and a carriage return, after which there is no third column.
    assert_eq!(between, b"\t\x0b\x0c ");
}

#[test]
fn a_document_that_comes_twice_is_an_error_that_names_both_lines() {
    let run = "1 Q0 d 1 2 t\n2 Q0 d 1 2 t\n# comment\n1 Q0 d 2 1.5 t\n";
    assert_eq!(
        refused::<f64>(run),
        "file, line 4: document \"d\" of query \"1\" is ranked twice, here with 1.5 and on line 1 with 2: keep one of them"
    );
    let lines: Vec<String> = (0..40).map(|k| format!("1 Q0 d{} 1 0 t\n", k % 39)).collect();
    assert_eq!(
        refused::<f64>(lines.concat()),
        "file, line 40: document \"d0\" of query \"1\" is ranked twice, here with 0 and on line 1 with 0: keep one of them"
    );
    for grade in [0, 1] {
        assert_eq!(
            refused::<i64>(format!("1 0 d 1\n1 0 d {grade}\n")),
            format!(
                "file, line 2: document \"d\" of query \"1\" is judged twice, here with {grade} and on line 1 with 1: keep one of them"
            )
        );
    }
}

#[test]
fn a_file_without_a_line_is_an_error() {
    for text in ["", "\n \n", "# only a comment"] {
        let message = "file has no line of the form \"query iteration document grade\": is it the right file?";
        assert_eq!(refused::<i64>(text), message);
    }
}

#[test]
fn a_byte_order_mark_is_no_part_of_a_query() {
    let joined = "\u{feff}1 Q0 a 1 2 t\n\u{feff}1 Q0 b 1 2 t\n \u{feff}\u{feff} # comment\n\u{feff}\n";
    let run: Run = parse(joined, 2);
    assert_eq!((run.queries().len(), run.number("1"), run.len()), (1, Some(0), 2));
}
