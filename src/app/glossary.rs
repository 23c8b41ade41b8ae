//! The words of the program: what they mean, and where they come from.

/// A word with its meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The word.
    pub word: String,
    /// What it means.
    pub meaning: String,
    /// Formula; empty when there is none.
    pub formula: String,
    /// Paper and equation, or who uses it so.
    pub source: String,
}

/// Words that several methods share: word, meaning, formula, source.
const WORDS: &[[&str; 4]] = &[
    [
        "AUROC",
        "Area under the curve of true against false positive rates: the probability that a member gets a larger attack score than a nonmember, ties counting one half. 0.5 is chance.",
        "P(s(member) > s(nonmember)) + ½ P(equal)",
        "Hanley and McNeil 1982",
    ],
    [
        "Attack score",
        "A number for each text that is larger the more member-like the text is, whatever the sign of the quantity it is made from.",
        "",
        "Carlini et al. 2022",
    ],
    [
        "Continuation",
        "The l tokens that follow the prefix in the training text. What the model writes instead is the generated continuation.",
        "",
        "Carlini et al. 2023",
    ],
    [
        "Entropy",
        "How undecided the model is about the next token, in nats: 0 when it is sure.",
        "−Σ p ln p",
        "Shannon 1948",
    ],
    [
        "Exact match",
        "Every token of the continuation is reproduced by greedy decoding: the memorization score is 1. Such a row is extractable with k tokens.",
        "",
        "Carlini et al. 2023",
    ],
    ["False positive rate", "Share of nonmembers that a threshold calls members.", "FP / (FP + TN)", ""],
    [
        "Gradient alignment",
        "Cosine of the loss gradients of two texts over named parameters: 1 when learning one text would teach the other just as well.",
        "⟨g₁, g₂⟩ / (‖g₁‖ ‖g₂‖)",
        "",
    ],
    [
        "k, l",
        "Tokens of the prefix that the model is given, and of the continuation that it has to write.",
        "",
        "Biderman et al. 2023",
    ],
    ["Longest common prefix", "Tokens of the continuation that are right before the first mistake.", "", ""],
    [
        "Loss",
        "Mean negative log-probability of the tokens of a text, each given those before it, in nats a token. The first token has nothing before it and does not count.",
        "−1/(T−1) Σ ln p(xₜ | x₁…xₜ₋₁)",
        "",
    ],
    [
        "Log-probability",
        "Natural logarithm of the probability that the model gave to the token that came.",
        "ln p(xₜ | x₁…xₜ₋₁)",
        "",
    ],
    ["Member, nonmember", "A text that is, or is not, in the training data of the model.", "", "Shokri et al. 2017"],
    [
        "Memorization score",
        "Share of the l tokens of the true continuation that greedy decoding from the k tokens of the prefix reproduces at their positions.",
        "1/l Σ [ŷᵢ = yᵢ]",
        "Biderman et al. 2023, section 2",
    ],
    ["nats", "Unit of information with natural logarithms; 1 nat is 1.443 bits.", "", ""],
    [
        "Original, paraphrase",
        "A text of the training data, and another wording of it; a pair of them is compared token by token.",
        "",
        "",
    ],
    [
        "Perplexity",
        "Exponential of the loss: among how many equally likely tokens the model seems to choose.",
        "exp(loss)",
        "Jelinek et al. 1977",
    ],
    ["Prefix", "The k tokens that the model is given before it has to continue.", "", "Carlini et al. 2023"],
    [
        "Rank",
        "Place of the true token among all tokens of the vocabulary by probability; 0 is the most likely.",
        "",
        "",
    ],
    ["Seed", "Number that everything random in a run is drawn from; the same seed gives the same result.", "", ""],
    ["Token", "A piece of text that the model reads at once: a word, a part of one, or single bytes.", "", ""],
    ["True positive rate", "Share of members that a threshold finds.", "TP / (TP + FN)", ""],
    [
        "TPR at 1 % FPR",
        "Share of members found when at most one in a hundred nonmembers is taken for one: what an attack is worth when accusations must be right.",
        "",
        "Carlini et al. 2022",
    ],
    [
        "Wilson interval",
        "95 % interval of a share that was counted, here of the true positive rate along a ROC curve.",
        "(p̂ + z²/2n ± z √(p̂(1−p̂)/n + z²/4n²)) / (1 + z²/n)",
        "Wilson 1927",
    ],
];

/// Every word: the shared ones, and what each method measures, in alphabetical order.
pub fn entries() -> Vec<Entry> {
    let word = |[word, meaning, formula, source]: &[&str; 4]| Entry {
        word: (*word).to_owned(),
        meaning: (*meaning).to_owned(),
        formula: (*formula).to_owned(),
        source: (*source).to_owned(),
    };
    let method = |card: &crate::methods::Card| Entry {
        word: card.title.to_owned(),
        meaning: card.about.to_owned(),
        formula: card.formula.to_owned(),
        source: card.source.to_owned(),
    };
    let mut all: Vec<Entry> = crate::methods::registry().iter().map(|m| method(m.card())).collect();
    // A method explains its own word best.
    let is_new = |e: &Entry| !all.iter().any(|known| known.word.eq_ignore_ascii_case(&e.word));
    let words: Vec<Entry> = WORDS.iter().map(word).filter(is_new).collect();
    all.extend(words);
    all.sort_by_key(|e| e.word.to_lowercase());
    all
}

/// The words that have `text` in their name, then those that have it in their meaning.
pub fn find(all: &[Entry], text: &str) -> Vec<usize> {
    let text = text.trim().to_lowercase();
    let has = |part: &str| part.to_lowercase().contains(&text);
    let (named, others): (Vec<usize>, Vec<usize>) =
        (0..all.len()).partition(|i| all.get(*i).is_some_and(|e| has(&e.word)));
    let about = others.into_iter().filter(|i| all.get(*i).is_some_and(|e| has(&e.meaning) || has(&e.source)));
    named.into_iter().chain(about).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_and_every_shared_word_is_explained_once() {
        let all = entries();
        let mut names: Vec<String> = all.iter().map(|e| e.word.to_lowercase()).collect();
        names.dedup();
        assert_eq!(names.len(), all.len(), "no word twice");
        assert!(all.iter().all(|e| !e.meaning.is_empty()), "every word has a meaning");
        for method in crate::methods::registry() {
            assert!(all.iter().any(|e| e.word == method.card().title), "{} is missing", method.card().id);
        }
    }

    #[test]
    fn a_word_is_found_by_its_name_before_its_mention() {
        let all = entries();
        let words: Vec<&str> = find(&all, "perplexity").iter().map(|i| all[*i].word.as_str()).collect();
        assert!(words[0].to_lowercase().contains("perplexity"), "{words:?}");
        assert!(find(&all, "no such word").is_empty());
    }
}
