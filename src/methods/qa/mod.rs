//! Questions about facts: what a model knows of people it read about.
//!
//! Reads: rows that state facts (`facts`: field → value, `name` among them), made biographies or the published data
//! set; questions are the rows' own (`major_q`) or those of biographies. Several rows of one person are one person.
//! Formula: accuracy = right answers / questions, with Wilson's interval. Modes: the letter of an option, the likelihood
//! of its text (sum, mean over tokens, less its likelihood after no question), and free greedy answers.
//! Source: Allen-Zhu and Li 2023 (Physics of Language Models, Part 3.1), section 2; LLM-Engram, `evaluate_qa.py`.
//! Differs from the original: prompts are read at their last token, never at padding; letters are tokens of the text
//! itself; wrong options are of the item's own field; beginnings of answers are not right. `compat: paper` restores
//! all but the reading at padding.

mod report;

pub use crate::methods::common::questions::{Config, Distractors, Format};

use crate::error::{Error, Result};
use crate::methods::common::questions::{Asker, Items, items};
use crate::methods::common::tables::counted;
use crate::methods::{Amount, Card, Context, Input, InputKind, Report, Typed, Work, any_amount, any_row};
use report::Model;

/// Answers to questions about facts.
pub static METHOD: Typed<Config> = Typed {
    card: CARD,
    inputs: &[
        Input { name: "model", kind: InputKind::Model, required: true, many: false, about: "The model under study." },
        Input {
            name: "others",
            kind: InputKind::Model,
            required: false,
            many: true,
            about: "Further models to ask the same, such as the model before training.",
        },
        Input {
            name: "data",
            kind: InputKind::Data,
            required: true,
            many: false,
            about: "Rows that state facts: made biographies, or rows with questions and answers.",
        },
    ],
    check,
    row_needs: any_row,
    fits: any_amount,
    work,
    run,
};

const CARD: Card = Card {
    id: "qa",
    group: "qa",
    title: "Questions and answers",
    about: "How many questions about stated facts a model answers, by choice and in its own words.",
    formula: "accuracy = right / n; letter: argmax ln p(letter | question, options); likelihood: argmax Σ ln p(o_t | \
        question), its mean over tokens, and Σ ln p(o | question) − Σ ln p(o | no question); direct: greedy text",
    conventions: "95 % intervals by Wilson. Ties go to the first option. A letter or option is what tokenizing prompt and \
        option together adds to the prompt. A direct answer is right when it is the answer but for case and spaces, \
        goes on behind it, or is its first 80 % or more. Chance is 1 over the number of options. Paper mode: the \
        prompt ends in a space and letters have none, wrong options are found by the first word of the question among \
        the people asked about, and a direct answer of ten tokens is cut at the first full stop and right when \
        either is a beginning of the other or ROUGE-1 exceeds 0.9 (words are not stemmed).",
    source: "Allen-Zhu and Li 2023, arXiv:2309.14316, section 2; calibration: Holtzman et al. 2021, arXiv:2104.08315",
    version: 1,
};

fn check(config: &Config) -> Result<()> {
    if config.prompt.contains("{question}") {
        return Ok(());
    }
    Err(Error::config("prompt: the place of the question is missing").hint("write `{question}` where it belongs"))
}

/// Six questions a person, of some forty tokens, with options once and each option alone twice.
fn work(config: &Config, amount: &Amount) -> Work {
    const FIELDS: u64 = 6;
    const QUESTION: u64 = 20;
    const ANSWER: u64 = 6;
    let people = amount.texts.get("data").copied().unwrap_or(0).min(config.people.map_or(u64::MAX, |n| n as u64));
    let models: u64 = amount.models.values().sum::<u64>().max(1);
    let (asked, options) = (people * FIELDS * models, config.options as u64);
    let letter = u64::from(config.has(Format::Letter)) * options * (QUESTION + options * (ANSWER + 3));
    let likelihood = u64::from(config.has(Format::Likelihood)) * options * (QUESTION + 2 * ANSWER + 3);
    let direct = u64::from(config.has(Format::Direct));
    Work {
        forward_tokens: asked * (letter + likelihood + direct * QUESTION),
        decoded_tokens: asked * direct * ANSWER,
        ..Work::default()
    }
}

fn run(config: &Config, cx: &mut Context<'_>) -> Result<Report> {
    let data = cx.dataset("data")?;
    let Items { items, unasked, poor } = items(config, data, cx.seed);
    if items.is_empty() {
        return Err(Error::data(format!("{} states no facts that can be asked about", data.name))
            .hint("rows need `facts`, such as {\"name\": …, \"major\": …}, or columns such as `major_q` and `major_a`")
            .at(&data.path));
    }
    let mut models = Vec::new();
    let main = cx.model("model")?;
    let others = cx.models("others").iter().filter(|m| m.path != main.path);
    for (number, model) in std::iter::once(main).chain(others).enumerate() {
        let asker = Asker::new(config, model)?;
        let stage = if number == 0 { "ask".to_owned() } else { format!("ask model {}", number + 1) };
        let answered = cx.map(&stage, items.len(), config.batch_size, |range| asker.ask(&items[range]))?;
        models.push(Model { name: &model.name, answered });
    }
    let mut report = report::report(config, &items, &models);
    for field in unasked {
        report.notes.push(format!("{}: there is no question about `{field}`.", data.name));
    }
    for field in poor {
        let n = config.options;
        report.notes.push(format!("{}: `{field}` has too few different answers for {n} options.", data.name));
    }
    for (name, n) in report::too_long(&models) {
        report.notes.push(format!("{name}: {} did not fit the context.", counted(n, "question")));
    }
    Ok(report)
}
