//! Texts as bags of hashed character n-grams, the input of a fastText-like encoder (Bojanowski et al., arXiv 1607.04606).

use twox_hash::XxHash3_64;
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

use crate::error::{Invalid, invalid};

/// Which n-grams are taken and where they go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ngrams {
    /// Characters of the shortest n-gram.
    pub shortest: usize,
    /// Characters of the longest n-gram.
    pub longest: usize,
    /// N-grams are hashed into `0..buckets`.
    pub buckets: u32,
}

/// Bags in CSR form: text `i` has `ids[indptr[i]..indptr[i + 1]]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bags {
    /// One more number than texts.
    pub indptr: Vec<i64>,
    /// Buckets, in the order of the text, repeated as often as they come.
    pub ids: Vec<i32>,
}

impl Ngrams {
    /// Checks the numbers.
    pub fn new(shortest: usize, longest: usize, buckets: u32) -> Result<Self, Invalid> {
        if shortest == 0 || longest < shortest {
            invalid!("n-grams of {shortest} to {longest} characters: need 1 <= shortest <= longest");
        }
        if buckets == 0 || buckets > 1 << 31 {
            invalid!("{buckets} buckets: need 1 to 2^31");
        }
        Ok(Self { shortest, longest, buckets })
    }

    /// Hashes the n-grams of each text.
    ///
    /// A word is a run of letters, marks and digits, lower-cased, with a space before and after it, so that n-grams see
    /// where it begins and ends; no n-gram spans two words. What stands between words is left out. Where a script sets
    /// no spaces, a word is the text up to the next punctuation.
    #[must_use]
    pub fn hash<T: AsRef<str>>(self, texts: &[T]) -> Bags {
        let mut bags = Bags { indptr: vec![0], ids: Vec::new() };
        let mut starts = Vec::new();
        for text in texts {
            for word in words(text.as_ref()) {
                starts.clear();
                starts.extend(word.char_indices().map(|(at, _)| at));
                starts.push(word.len());
                self.hash_word(&word, &starts, &mut bags.ids);
            }
            bags.indptr.push(bags.ids.len() as i64);
        }
        bags
    }

    /// `starts` has the byte at which each character starts, and the end.
    fn hash_word(self, word: &str, starts: &[usize], ids: &mut Vec<i32>) {
        for first in 0..starts.len() {
            for n in self.shortest..=self.longest {
                let Some(&end) = starts[first..].get(n) else {
                    break;
                };
                ids.push(self.bucket(&word[starts[first]..end]));
            }
        }
    }

    fn bucket(self, ngram: &str) -> i32 {
        let hash = u128::from(XxHash3_64::oneshot(ngram.as_bytes()));
        ((hash * u128::from(self.buckets)) >> 64) as i32
    }
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c| !is_word_character(c)).filter(|word| !word.is_empty()).map(|word| {
        let lower = word.chars().flat_map(char::to_lowercase);
        std::iter::once(' ').chain(lower).chain(std::iter::once(' ')).collect()
    })
}

fn is_word_character(c: char) -> bool {
    use GeneralCategoryGroup::{Letter, Mark, Number};
    matches!(c.general_category_group(), Letter | Mark | Number)
}
