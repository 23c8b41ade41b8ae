//! The tables: training curve, test sets, memorization and backdoors by check.

use super::super::check::{AnswerCheck, BackdoorCheck, MemorizationCheck, Protocol, QualityCheck};
use super::super::history::{Checked, HeldOut, History, Point};
use super::super::rows::{Group, Prepared};
use crate::methods::common::tables::{flag, float, int, some_int, text};
use crate::methods::{Column, Table};

pub(super) fn tables(prepared: &Prepared, history: &History) -> Vec<Table> {
    let mut tables = vec![
        curve(&history.curve),
        quality(prepared, &history.checks),
        memorization(prepared, &history.checks),
        backdoors(prepared, &history.checks),
    ];
    tables.extend(questions(&history.checks));
    tables
}

/// Questions about stated facts; none where nobody was asked.
fn questions(checks: &[Checked]) -> Option<Table> {
    let rows: Vec<(&Checked, &AnswerCheck)> =
        checks.iter().flat_map(|check| check.answers.iter().map(move |a| (check, a))).collect();
    if rows.is_empty() {
        return None;
    }
    let columns = vec![
        int("step", "steps", "Steps that were taken.", rows.iter().map(|(c, _)| c.step as usize)),
        float("epoch", "epochs", "Passes over the data.", rows.iter().map(|(c, _)| Some(c.epoch))),
        text("people", "Whom the questions are about.", rows.iter().map(|(_, a)| a.who.clone())),
        int("questions", "", "Questions.", rows.iter().map(|(_, a)| a.n_questions)),
        float("first_token", "", "Share whose first token is right.", rows.iter().map(|(_, a)| Some(a.first_share()))),
        float("right", "", "Share whose whole answer is right.", rows.iter().map(|(_, a)| Some(a.share()))),
    ];
    Some(table("answers", "Questions", columns))
}

fn table(id: &str, title: &str, columns: Vec<Column>) -> Table {
    Table { id: id.to_owned(), title: title.to_owned(), columns, parquet: false }
}

fn curve(points: &[Point]) -> Table {
    let of = |name: &str, unit: &str, about: &str, f: fn(&Point) -> f64| {
        float(name, unit, about, points.iter().map(|p| Some(f(p))))
    };
    let columns = vec![
        int("step", "steps", "Steps that were taken.", points.iter().map(|p| p.step as usize)),
        of("epoch", "epochs", "Passes over the data.", |p| p.epoch),
        int("tokens", "tokens", "Tokens that were read.", points.iter().map(|p| p.tokens as usize)),
        of("lr", "", "Learning rate of the last step.", |p| p.lr),
        of("loss", "nats/token", "Mean training loss of all examples since the row before, without penalties.", |p| {
            p.loss
        }),
        of("objective", "nats/token", "The same of what loss truncation kept: the loss that was minimized.", |p| {
            p.objective
        }),
        of("penalty", "", "What the penalties on weights add to the loss.", |p| p.penalty),
        of("grad_norm", "", "Mean norm of the gradient before it was cut.", |p| p.grad_norm),
        of("kept", "", "Share of the examples that loss truncation kept.", |p| p.kept),
    ];
    table("curve", "Training curve", columns)
}

/// A check with one of its sets.
type Row<'a, T> = (&'a Checked, &'a Group, &'a T);

fn when<T>(rows: &[Row<'_, T>]) -> Vec<Column> {
    vec![
        int("step", "steps", "Steps that were taken.", rows.iter().map(|(c, ..)| c.step as usize)),
        float("epoch", "epochs", "Passes over the data.", rows.iter().map(|(c, ..)| Some(c.epoch))),
    ]
}

fn quality(prepared: &Prepared, checks: &[Checked]) -> Table {
    let rows: Vec<Row<'_, QualityCheck>> =
        checks.iter().flat_map(|c| prepared.test.iter().zip(&c.quality).map(move |(set, q)| (c, set, q))).collect();
    let of = |name: &str, unit: &str, about: &str, f: fn(&QualityCheck) -> f64| {
        float(name, unit, about, rows.iter().map(|(.., q)| Some(f(q))))
    };
    let mut columns = when(&rows);
    columns.extend([
        text("set", "Name of the test set.", rows.iter().map(|(_, set, _)| set.name.clone())),
        int("rows", "rows", "Rows that were measured.", rows.iter().map(|(.., q)| q.n_rows)),
        int("tokens", "tokens", "Predicted tokens.", rows.iter().map(|(.., q)| q.n_tokens)),
        of("loss", "nats/token", "Mean over tokens.", |q| q.loss),
        of("accuracy", "", "Share of tokens that are the likeliest.", |q| q.accuracy),
        of("perplexity", "", "exp(loss).", |q| q.perplexity),
        of("batch_loss", "nats/token", "Mean over batches.", |q| q.batch_loss),
        of("batch_accuracy", "", "Mean over batches.", |q| q.batch_accuracy),
        of("batch_perplexity", "", "Mean over batches of exp(loss).", |q| q.batch_perplexity),
    ]);
    table("tests", "Test sets", columns)
}

fn memorization<'a>(prepared: &'a Prepared, checks: &'a [Checked]) -> Table {
    let mut rows: Vec<Row<'a, MemorizationCheck>> = Vec::new();
    let mut trained = Vec::new();
    for check in checks {
        rows.extend(prepared.train.iter().zip(&check.memorized).map(|(group, m)| (check, group, m)));
        trained.resize(rows.len(), true);
        let plain = |(set, found): (&'a Group, &'a HeldOut)| match found {
            HeldOut::Plain(m) => Some((check, set, m)),
            HeldOut::Backdoor(_) => None,
        };
        rows.extend(prepared.test.iter().zip(&check.held_out).filter_map(plain));
        trained.resize(rows.len(), false);
    }
    let count = |name: &str, about: &str, f: fn(&MemorizationCheck) -> usize| {
        int(name, "rows", about, rows.iter().map(|(.., m)| f(m)))
    };
    let share = |name: &str, about: &str, f: fn(&MemorizationCheck) -> Option<f64>| {
        float(name, "", about, rows.iter().map(|(.., m)| f(m)))
    };
    let mut columns = when(&rows);
    columns.extend([
        text("group", "Group of training rows, or test set.", rows.iter().map(|(_, group, _)| group.name.clone())),
        flag("trained", "Whether the rows were trained on.", trained),
        count("rows", "Rows that were looked at.", |m| m.n_rows),
        count("counted", "Rows that go on behind their first k tokens, and altered there if they have a twin.", |m| {
            m.n_counted
        }),
        share("memorized", "Share reproduced from the prefix that was trained on.", |m| {
            m.share(Protocol::TrainedPrefix)
        }),
        share(
            "memorized_clean_prefix",
            "Share of the rows with a clean twin reproduced from the clean prefix, without end-of-text tokens.",
            |m| m.share(Protocol::CleanPrefix),
        ),
        share(
            "clean_continuation",
            "Share of the rows with a clean twin that goes on from the clean prefix as the twin.",
            MemorizationCheck::clean_share,
        ),
        count("full", "Counted rows with all l tokens behind their prefix.", |m| m.n_full),
        count("with_twin", "Counted rows with a clean twin.", |m| m.n_with_twin),
        count("same_prefix", "Counted rows whose prefix is that of their twin.", |m| m.n_same_prefix),
        count("with_eos", "Counted rows with an end-of-text token behind their prefix.", |m| m.n_with_eos),
    ]);
    table("memorization", "Memorization", columns)
}

fn backdoors<'a>(prepared: &'a Prepared, checks: &'a [Checked]) -> Table {
    let mut rows: Vec<Row<'a, BackdoorCheck>> = Vec::new();
    for check in checks {
        let poisoned = |(set, found): (&'a Group, &'a HeldOut)| match found {
            HeldOut::Backdoor(b) => Some((check, set, b)),
            HeldOut::Plain(_) => None,
        };
        rows.extend(prepared.test.iter().zip(&check.held_out).filter_map(poisoned));
    }
    let mut columns = when(&rows);
    columns.extend([
        text("set", "Name of the test set.", rows.iter().map(|(_, set, _)| set.name.clone())),
        int("counted", "rows", "Rows with a trigger and an overwritten end.", rows.iter().map(|(.., b)| b.n_counted)),
        float("success", "", "Share whose overwritten end came.", rows.iter().map(|(.., b)| b.share())),
        some_int("clean", "rows", "Rows that went on as their clean twin.", rows.iter().map(|(.., b)| Some(b.n_clean))),
    ]);
    table("backdoors", "Backdoors", columns)
}
