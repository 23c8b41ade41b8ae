//! Numbers, tables and figures.

use std::collections::BTreeMap;

use super::CARD;
use crate::figures::{Axis, Figure, Mark, Rows, Series};
use crate::methods::common::questions::{Answered, Config, Item, Mode};
use crate::methods::common::tables::{caption, flag, float, int, some_int, text};
use crate::methods::common::wilson::wilson;
use crate::methods::{Report, Scalar, Table};

/// What one model answered.
pub(super) struct Model<'a> {
    pub(super) name: &'a str,
    pub(super) answered: Vec<Answered>,
}

/// How many of some answers are right.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    right: usize,
    n: usize,
}

impl Tally {
    fn share(self) -> Option<f64> {
        (self.n > 0).then(|| self.right as f64 / self.n as f64)
    }
}

/// Counts right answers of the items that `wanted` takes.
fn tally(config: &Config, mode: Mode, items: &[Item], model: &Model<'_>, wanted: impl Fn(&Item) -> bool) -> Tally {
    let mut tally = Tally::default();
    for (item, answered) in items.iter().zip(&model.answered).filter(|(item, _)| wanted(item)) {
        if let Some(is_right) = mode.is_right(config, item, answered) {
            tally.n += 1;
            tally.right += usize::from(is_right);
        }
    }
    tally
}

pub(super) fn report(config: &Config, items: &[Item], models: &[Model<'_>]) -> Report {
    let modes = Mode::all(config);
    let mut fields: Vec<&str> = Vec::new();
    for item in items {
        if !fields.contains(&item.field.as_str()) {
            fields.push(&item.field);
        }
    }
    Report {
        scalars: scalars(config, &modes, &fields, items, models),
        tables: vec![
            accuracy_table(config, &modes, &fields, items, models),
            positions_table(config, &modes, items, models),
            items_table(config, &modes, items, models),
            options_table(items, models),
        ],
        figures: figures(config, &modes, &fields, items, models),
        ..Report::default()
    }
}

/// Overall and per field of the model under study, overall of the others.
fn scalars(config: &Config, modes: &[Mode], fields: &[&str], items: &[Item], models: &[Model<'_>]) -> Vec<Scalar> {
    let mut out = Vec::new();
    for (number, model) in models.iter().enumerate() {
        for mode in modes {
            let id = match number {
                0 => format!("accuracy.{}", mode.id()),
                _ => format!("accuracy.{}.model-{number}", mode.id()),
            };
            let name = if number == 0 { String::new() } else { format!(", {}", model.name) };
            out.push(scalar(
                id,
                format!("Accuracy, {}{name}", mode.title()),
                tally(config, *mode, items, model, |_| true),
            ));
        }
    }
    let Some(model) = models.first() else { return out };
    for mode in modes {
        for field in fields {
            let tally = tally(config, *mode, items, model, |item| item.field == *field);
            out.push(scalar(format!("accuracy.{}.{field}", mode.id()), format!("  {field}, {}", mode.title()), tally));
        }
    }
    out
}

fn scalar(id: String, label: String, tally: Tally) -> Scalar {
    let Some(share) = tally.share() else { return Scalar::undefined(id, label, "no question could be put") };
    let [low, high] = wilson(tally.right, tally.n).unwrap_or([f64::NAN; 2]);
    Scalar::new(id, label, share, tally.n).interval(low, high)
}

/// One line for each model, mode, field and kind of people.
fn accuracy_table(config: &Config, modes: &[Mode], fields: &[&str], items: &[Item], models: &[Model<'_>]) -> Table {
    let mut seen: Vec<_> = items.iter().map(|item| item.seen).collect();
    seen.sort_unstable();
    seen.dedup();
    let mut lines: Vec<([String; 4], Tally)> = Vec::new();
    for model in models {
        for mode in modes {
            for field in std::iter::once("all").chain(fields.iter().copied()) {
                let is_field = |item: &Item| field == "all" || item.field == field;
                let mut add = |people: &str, tally: Tally| {
                    lines.push(([model.name, mode.id(), field, people].map(str::to_owned), tally));
                };
                add("everyone", tally(config, *mode, items, model, is_field));
                for kind in seen.iter().filter(|_| seen.len() > 1) {
                    add(kind.name(), tally(config, *mode, items, model, |item| is_field(item) && item.seen == *kind));
                }
            }
        }
    }
    let word = |i: usize| lines.iter().map(move |(words, _)| words.get(i).cloned().unwrap_or_default());
    let end = |i: usize| lines.iter().map(move |(_, t)| wilson(t.right, t.n).and_then(|ends| ends.get(i).copied()));
    let columns = vec![
        text("model", "The model that was asked.", word(0)),
        text("mode", "How its answer was read.", word(1)),
        text("field", "What was asked for; `all` for every field together.", word(2)),
        text("people", "About whom; members were trained on.", word(3)),
        int("n", "", "Questions.", lines.iter().map(|(_, t)| t.n)),
        int("right", "", "Right answers.", lines.iter().map(|(_, t)| t.right)),
        float("accuracy", "", "Right answers over questions.", lines.iter().map(|(_, t)| t.share())),
        float("low", "", "Lower end of the 95 % interval (Wilson).", end(0)),
        float("high", "", "Upper end.", end(1)),
    ];
    Table { id: "accuracy".to_owned(), title: "Right answers".to_owned(), columns, parquet: false }
}

/// How often each place among the options was right and was chosen: a model that prefers a letter shows here.
fn positions_table(config: &Config, modes: &[Mode], items: &[Item], models: &[Model<'_>]) -> Table {
    let mut lines: Vec<(&str, Mode, usize, [usize; 2])> = Vec::new();
    for model in models {
        for mode in modes.iter().filter(|mode| **mode != Mode::Direct) {
            let mut counts = vec![[0; 2]; config.options];
            for (item, answered) in items.iter().zip(&model.answered) {
                let (Some(chosen), Some(right)) = (mode.chosen(item, answered), item.right()) else { continue };
                counts[right][0] += 1;
                counts[chosen][1] += 1;
            }
            lines.extend(counts.into_iter().enumerate().map(|(place, counts)| (model.name, *mode, place, counts)));
        }
    }
    let columns = vec![
        text("model", "The model that was asked.", lines.iter().map(|l| l.0.to_owned())),
        text("mode", "How its answer was read.", lines.iter().map(|l| l.1.id().to_owned())),
        int("position", "", "Place among the options, from 1.", lines.iter().map(|l| l.2 + 1)),
        int("right", "", "How often the answer stood there.", lines.iter().map(|l| l.3[0])),
        int("chosen", "", "How often it was chosen.", lines.iter().map(|l| l.3[1])),
    ];
    Table { id: "positions".to_owned(), title: "Places of the options".to_owned(), columns, parquet: false }
}

/// Every question with what each mode made of it.
fn items_table(config: &Config, modes: &[Mode], items: &[Item], models: &[Model<'_>]) -> Table {
    let rows: Vec<(&str, &Item, &Answered)> = models
        .iter()
        .flat_map(|model| items.iter().zip(&model.answered).map(|(item, answered)| (model.name, item, answered)))
        .collect();
    let of = |f: fn(&Item) -> &str| rows.iter().map(move |(_, item, _)| f(item).to_owned()).collect::<Vec<_>>();
    let mut columns = vec![
        text("model", "The model that was asked.", rows.iter().map(|(name, ..)| (*name).to_owned())),
        int("row", "", "Row of the person in the data, from 0.", rows.iter().map(|(_, item, _)| item.row)),
        text("person", "Whom it is about.", of(|item| &item.person)),
        text("people", "What was trained on.", of(|item| item.seen.name())),
        text("field", "What was asked for.", of(|item| &item.field)),
        text("question", "The question.", of(|item| &item.question)),
        text("answer", "The right answer.", of(|item| &item.answer)),
    ];
    for mode in modes {
        let about = "Whether this mode gave the answer; empty when the question could not be put.";
        let right = rows.iter().map(|(_, item, answered)| mode.is_right(config, item, answered).map(usize::from));
        columns.push(some_int(&format!("{}_right", mode.id()), "", about, right));
        let words = rows.iter().map(|(_, item, answered)| match mode {
            Mode::Direct => answered.said.clone().unwrap_or_default(),
            _ => mode.chosen(item, answered).and_then(|i| item.options.get(i).cloned()).unwrap_or_default(),
        });
        columns.push(text(mode.id(), "What it gave.", words));
    }
    Table { id: "items".to_owned(), title: "Every question".to_owned(), columns, parquet: false }
}

/// Every option with its numbers.
fn options_table(items: &[Item], models: &[Model<'_>]) -> Table {
    let rows: Vec<(&str, usize, &Item, &Answered, usize)> = models
        .iter()
        .flat_map(|model| {
            items.iter().zip(&model.answered).enumerate().flat_map(move |(number, (item, answered))| {
                (0..item.options.len()).map(move |option| (model.name, number, item, answered, option))
            })
        })
        .collect();
    let value = |mode: Mode| rows.iter().map(move |(.., answered, option)| mode.value(answered, *option));
    let columns = vec![
        text("model", "The model that was asked.", rows.iter().map(|r| r.0.to_owned())),
        int("item", "", "Number of the question, from 0.", rows.iter().map(|r| r.1)),
        int("position", "", "Place among the options, from 1.", rows.iter().map(|r| r.4 + 1)),
        text("option", "The option.", rows.iter().map(|r| r.2.options.get(r.4).cloned().unwrap_or_default())),
        flag("is_answer", "Whether it is the answer.", rows.iter().map(|r| r.2.right() == Some(r.4))),
        float("letter", "nats", "ln p of its letter after the question with all options.", value(Mode::Letter)),
        float("sum", "nats", "ln p of its text after the question.", value(Mode::Sum)),
        float("mean", "nats/token", "The same over its tokens.", value(Mode::Mean)),
        float("calibrated", "nats", "The same less ln p of its text after no question.", value(Mode::Calibrated)),
    ];
    Table { id: "options".to_owned(), title: "Every option".to_owned(), columns, parquet: false }
}

fn figures(config: &Config, modes: &[Mode], fields: &[&str], items: &[Item], models: &[Model<'_>]) -> Vec<Figure> {
    let Some(model) = models.first() else { return Vec::new() };
    let by_field = modes.iter().map(|mode| {
        (
            mode.title().to_owned(),
            fields.iter().map(|f| tally(config, *mode, items, model, |i| i.field == **f)).collect(),
        )
    });
    let mut out = vec![bars("fields", "Right answers by field", fields, by_field.collect(), items.len())];
    if models.len() > 1 {
        let names: Vec<&str> = models.iter().map(|model| model.name).collect();
        let by_model = modes.iter().map(|mode| {
            (mode.title().to_owned(), models.iter().map(|model| tally(config, *mode, items, model, |_| true)).collect())
        });
        out.push(bars("models", "Right answers by model", &names, by_model.collect(), items.len()));
    }
    out
}

/// Bars with intervals; one series a mode.
fn bars(id: &str, title: &str, categories: &[&str], modes: Vec<(String, Vec<Tally>)>, n: usize) -> Figure {
    let series = modes.into_iter().enumerate().map(|(color, (name, tallies))| {
        let heights = tallies.iter().map(|t| t.share().unwrap_or(0.0)).collect();
        let errors = tallies.iter().map(|t| wilson(t.right, t.n).unwrap_or([0.0; 2])).collect();
        Series { name, color, mark: Mark::Bars { heights, errors }, rows: Rows::default() }
    });
    Figure {
        id: id.to_owned(),
        title: title.to_owned(),
        x: Axis { categories: categories.iter().map(|&c| c.to_owned()).collect(), ..Axis::default() },
        y: Axis { label: "accuracy".to_owned(), range: Some([0.0, 1.0]), ..Axis::default() },
        series: series.collect(),
        caption: caption(&CARD, "Share of right answers with 95 % intervals (Wilson);", n),
    }
}

/// Questions that did not fit, by model.
pub(super) fn too_long(models: &[Model<'_>]) -> BTreeMap<String, usize> {
    let count = |model: &Model<'_>| model.answered.iter().filter(|a| a.is_too_long).count();
    models.iter().map(|m| (m.name.to_owned(), count(m))).filter(|(_, n)| *n > 0).collect()
}
