//! Tables as CSV, Markdown and LaTeX (booktabs).
//!
//! In Markdown and LaTeX the best value of each column with a direction is bold (all of them when tied after
//! rounding), deviations follow their value as ±, and units stand in the header. CSV holds full precision.

use serde::{Deserialize, Serialize};

use super::latex;
use super::text::{put, tidy};
use crate::error::{Error, Result};

/// A table ready to be written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TableView {
    /// Becomes the LaTeX caption.
    pub title: String,
    /// Columns in order.
    pub columns: Vec<TableColumn>,
    /// Rows; each has one cell a column.
    pub rows: Vec<Vec<Cell>>,
}

/// The head of a column.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TableColumn {
    /// Shown name.
    pub name: String,
    /// Unit; empty for pure numbers and text.
    pub unit: String,
    /// Which values are best.
    pub direction: Direction,
    /// Digits after the point in Markdown and LaTeX; chosen from the values when absent.
    pub digits: Option<usize>,
}

/// Which values of a column are best.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Neither.
    #[default]
    Neutral,
    /// Larger ones.
    Higher,
    /// Smaller ones.
    Lower,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cell {
    /// Text.
    Text(String),
    /// A whole number.
    Int(i64),
    /// A number, with its standard deviation when there is one.
    Number {
        /// The value.
        value: f64,
        /// Standard deviation.
        deviation: Option<f64>,
    },
    /// No value.
    Missing,
}

impl Cell {
    /// A number without deviation; NaN becomes a missing value.
    pub fn number(value: f64) -> Self {
        if value.is_nan() { Self::Missing } else { Self::Number { value, deviation: None } }
    }

    fn value(&self) -> Option<f64> {
        match self {
            Self::Int(value) => Some(*value as f64),
            Self::Number { value, .. } if !value.is_nan() => Some(*value),
            _ => None,
        }
    }
}

/// File format of an exported table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TableFormat {
    /// Comma-separated values at full precision.
    Csv,
    /// A pipe table.
    Markdown,
    /// A LaTeX table for the packages booktabs and siunitx, which aligns numbers at the point.
    Latex,
}

/// Writes `table`; the deviation of a CSV column follows it in a column of its own.
pub fn export_table(table: &TableView, format: TableFormat) -> Result<String> {
    if let Some((row, cells)) = table.rows.iter().enumerate().find(|(_, cells)| cells.len() != table.columns.len()) {
        return Err(Error::data(format!(
            "table `{}`: row {} has {} cells, but there are {} columns",
            table.title,
            row + 1,
            cells.len(),
            table.columns.len()
        )));
    }
    match format {
        TableFormat::Csv => csv(table),
        TableFormat::Markdown => Ok(markdown(table)),
        TableFormat::Latex => Ok(latex_table(table)),
    }
}

fn csv(table: &TableView) -> Result<String> {
    let deviates: Vec<bool> = (0..table.columns.len())
        .map(|c| table.rows.iter().any(|row| matches!(row[c], Cell::Number { deviation: Some(_), .. })))
        .collect();
    let mut records = vec![Vec::new()];
    for (column, deviates) in table.columns.iter().zip(&deviates) {
        let unit = if column.unit.is_empty() { String::new() } else { format!(" ({})", column.unit) };
        records[0].push(format!("{}{unit}", column.name));
        if *deviates {
            records[0].push(format!("{} deviation{unit}", column.name));
        }
    }
    for row in &table.rows {
        let mut record = Vec::new();
        for (cell, deviates) in row.iter().zip(&deviates) {
            let (value, deviation) = match cell {
                Cell::Text(text) => (text.clone(), None),
                Cell::Int(value) => (value.to_string(), None),
                Cell::Number { value, deviation } => (full(*value), *deviation),
                Cell::Missing => (String::new(), None),
            };
            record.push(value);
            if *deviates {
                record.push(deviation.map(full).unwrap_or_default());
            }
        }
        records.push(record);
    }
    super::csv::records(&records)
}

fn full(value: f64) -> String {
    if value.is_nan() { String::new() } else { value.to_string() }
}

/// Digits after the point: three significant ones for the largest value, and enough for the smallest deviation.
fn digits(table: &TableView, column: usize) -> usize {
    if let Some(digits) = table.columns[column].digits {
        return digits.min(12);
    }
    let largest = table.rows.iter().filter_map(|row| row[column].value()).filter(|v| v.is_finite()).map(f64::abs);
    let largest = largest.fold(0.0, f64::max);
    if largest == 0.0 { 1 } else { (2 - largest.log10().floor() as i64).clamp(0, 12) as usize }.min(8)
}

/// The cell with the digits of its column, without emphasis.
fn shown(cell: &Cell, digits: usize) -> (String, Option<String>) {
    match cell {
        Cell::Text(text) => (text.clone(), None),
        Cell::Int(value) => (value.to_string(), None),
        Cell::Number { value, deviation } => (rounded(*value, digits), deviation.map(|d| rounded(d, digits))),
        Cell::Missing => (String::new(), None),
    }
}

fn rounded(value: f64, digits: usize) -> String {
    if value.is_nan() {
        String::new()
    } else if value.is_infinite() {
        if value > 0.0 { "∞" } else { "−∞" }.to_owned()
    } else {
        let text = format!("{value:.digits$}");
        let zero = text.trim_start_matches('-').chars().all(|c| c == '0' || c == '.');
        if zero { text.trim_start_matches('-').to_owned() } else { text.replace('-', "−") }
    }
}

/// Which rows hold the best value of a column; none without a direction or with fewer than two values.
fn best(table: &TableView, column: usize, digits: usize) -> Vec<bool> {
    let values: Vec<Option<f64>> = table.rows.iter().map(|row| row[column].value()).collect();
    let known = values.iter().flatten().copied();
    let top = match table.columns[column].direction {
        Direction::Higher => known.fold(f64::NEG_INFINITY, f64::max),
        Direction::Lower => known.fold(f64::INFINITY, f64::min),
        Direction::Neutral => return vec![false; values.len()],
    };
    if values.iter().flatten().count() < 2 {
        return vec![false; values.len()];
    }
    // Values that look the same are the same to the reader.
    values.iter().map(|v| v.is_some_and(|v| rounded(v, digits) == rounded(top, digits))).collect()
}

fn is_text(table: &TableView, column: usize) -> bool {
    table.rows.iter().any(|row| matches!(row[column], Cell::Text(_)))
}

fn header(column: &TableColumn) -> String {
    let arrow = match column.direction {
        Direction::Neutral => "",
        Direction::Higher => " ↑",
        Direction::Lower => " ↓",
    };
    let unit = if column.unit.is_empty() { String::new() } else { format!(" ({})", column.unit) };
    format!("{}{unit}{arrow}", tidy(&column.name))
}

fn markdown(table: &TableView) -> String {
    let escape =
        |text: &str| tidy(text).replace('\\', "\\\\").replace('|', "\\|").replace('*', "\\*").replace('_', "\\_");
    let mut lines = vec![String::from("|"), String::from("|")];
    for (index, column) in table.columns.iter().enumerate() {
        put(&mut lines[0], format_args!(" {} |", escape(&header(column))));
        lines[1] += if is_text(table, index) { " --- |" } else { " ---: |" };
    }
    lines.resize(2 + table.rows.len(), String::from("|"));
    for column in 0..table.columns.len() {
        let digits = digits(table, column);
        let best = best(table, column, digits);
        for (row, cells) in table.rows.iter().enumerate() {
            let (value, deviation) = shown(&cells[column], digits);
            let value = escape(&value);
            let value = if best[row] { format!("**{value}**") } else { value };
            let deviation = deviation.map(|d| format!(" ± {d}")).unwrap_or_default();
            put(&mut lines[2 + row], format_args!(" {value}{deviation} |"));
        }
    }
    lines.join("\n") + "\n"
}

/// Digits before the point and of the deviation, and whether a number is negative: what a column of siunitx is told.
fn number_format(table: &TableView, column: usize, digits: usize) -> String {
    let (mut whole, mut uncertain, mut is_negative) = (1, 0, false);
    for cells in &table.rows {
        if !cells[column].value().is_some_and(f64::is_finite) {
            continue;
        }
        let (value, deviation) = shown(&cells[column], digits);
        is_negative |= value.starts_with('−');
        let before_point = |text: &str| text.trim_start_matches(['−', '-']).split('.').next().map_or(1, str::len);
        whole = whole.max(before_point(&value));
        if let Some(deviation) = deviation {
            uncertain = uncertain.max(digits + before_point(&deviation) - usize::from(deviation.starts_with("0.")));
        }
    }
    let digits = if table.rows.iter().any(|row| matches!(row[column], Cell::Number { .. })) { digits } else { 0 };
    let point = if digits > 0 { format!(".{digits}") } else { String::new() };
    let by = if uncertain > 0 { format!("({uncertain})") } else { String::new() };
    format!("S[table-format={}{whole}{point}{by}]", if is_negative { "-" } else { "" })
}

/// One cell of a column of siunitx; what is no number stands in braces.
fn latex_number(cell: &Cell, digits: usize, is_best: bool) -> String {
    let (value, deviation) = shown(cell, digits);
    if !cell.value().is_some_and(f64::is_finite) {
        let text =
            if matches!(cell, Cell::Missing) || value.is_empty() { "--".to_owned() } else { latex::escape(&value) };
        return format!("{{{text}}}");
    }
    let number = value.replace('−', "-");
    let by = deviation.map_or_else(String::new, |d| format!(" +- {d}"));
    format!("{}{number}{by}", if is_best { r"\bfseries " } else { "" })
}

fn latex_table(table: &TableView) -> String {
    let (mut columns, mut heads) = (String::new(), Vec::new());
    let mut body = vec![String::new(); table.rows.len()];
    for (column, head) in table.columns.iter().enumerate() {
        let digits = digits(table, column);
        let best = best(table, column, digits);
        let is_text = is_text(table, column);
        let head = latex::escape(&header(head));
        if is_text {
            columns.push('l');
            heads.push(head);
        } else {
            columns += &number_format(table, column, digits);
            heads.push(format!("{{{head}}}"));
        }
        for (row, cells) in table.rows.iter().enumerate() {
            let cell = &cells[column];
            let text = match cell {
                Cell::Missing if is_text => "--".to_owned(),
                Cell::Text(text) => latex::escape(&tidy(text)),
                cell if is_text => latex::escape(&shown(cell, digits).0),
                cell => latex_number(cell, digits, best[row]),
            };
            put(&mut body[row], format_args!("{}{text}", if column == 0 { "  " } else { " & " }));
        }
    }
    let body: String = body.into_iter().map(|line| line + " \\\\\n").collect();
    format!(
        "% needs \\usepackage{{booktabs}} and \\usepackage{{siunitx}}\n\\begin{{table}}[t]\n\\centering\n\
         \\sisetup{{detect-weight=true, mode=text, separate-uncertainty=true}}\n\\begin{{tabular}}{{{columns}}}\n\
         \\toprule\n  {} \\\\\n\\midrule\n{body}\\bottomrule\n\\end{{tabular}}\n\\caption{{{}}}\n\\end{{table}}\n",
        heads.join(" & "),
        latex::escape(&tidy(&table.title)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> TableView {
        let column = |name: &str, unit: &str, direction| TableColumn {
            name: name.to_owned(),
            unit: unit.to_owned(),
            direction,
            digits: None,
        };
        let number = |value, deviation| Cell::Number { value, deviation };
        TableView {
            title: "Scores at 5% FPR".to_owned(),
            columns: vec![
                column("attack_score", "", Direction::Neutral),
                column("AUROC", "", Direction::Higher),
                column("Loss", "nats/token", Direction::Lower),
            ],
            rows: vec![
                vec![Cell::Text("min_k & co".to_owned()), number(0.7512, Some(0.0113)), number(2.5, None)],
                vec![Cell::Text("zlib | x".to_owned()), number(0.7509, Some(0.02)), number(-0.001, None)],
                vec![Cell::Text("none".to_owned()), Cell::number(f64::NAN), Cell::Missing],
            ],
        }
    }

    #[test]
    fn latex_marks_ties_of_shown_digits_and_escapes() {
        let text = export_table(&sample(), TableFormat::Latex).expect("latex");
        // Numbers are aligned at the point by siunitx, which is told how many digits there are.
        assert!(text.contains(r"\begin{tabular}{lS[table-format=1.3(3)]S[table-format=1.2]}"), "{text}");
        assert!(text.contains(r"min\_k \& co & \bfseries 0.751 +- 0.011 & 2.50 \\"), "{text}");
        assert!(text.contains(r"zlib | x & \bfseries 0.751 +- 0.020 & \bfseries 0.00"), "{text}");
        assert!(text.contains("none & {--} & {--}"), "{text}");
        assert!(text.contains("5\\% FPR") && text.contains("{AUROC $\\uparrow$}"), "{text}");
    }

    #[test]
    fn columns_of_numbers_leave_room_for_signs_and_long_numbers() {
        let column = |name: &str| TableColumn { name: name.to_owned(), ..TableColumn::default() };
        let number = |value: f64| Cell::Number { value, deviation: Some(12.5) };
        let table = TableView {
            title: String::new(),
            columns: vec![column("a"), column("n")],
            rows: vec![vec![number(-123.0), Cell::Int(70_000)], vec![number(f64::INFINITY), Cell::Missing]],
        };
        let text = export_table(&table, TableFormat::Latex).expect("latex");
        assert!(text.contains("{S[table-format=-3(2)]S[table-format=5]}"), "{text}");
        assert!(text.contains("  -123 +- 12 & 70000 \\\\") || text.contains("  -123 +- 13 & 70000 \\\\"), "{text}");
        assert!(text.contains("  {$\\infty$} & {--} \\\\"), "{text}");
    }

    #[test]
    fn markdown_aligns_numbers_and_keeps_pipes_in_their_cell() {
        let text = export_table(&sample(), TableFormat::Markdown).expect("markdown");
        assert!(
            text.starts_with("| attack\\_score | AUROC ↑ | Loss (nats/token) ↓ |\n| --- | ---: | ---: |\n"),
            "{text}"
        );
        assert!(text.contains("| zlib \\| x | **0.751** ± 0.020 | **0.00** |"), "{text}");
    }

    #[test]
    fn csv_keeps_full_precision_and_deviations_apart() {
        let text = export_table(&sample(), TableFormat::Csv).expect("csv");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "attack_score,AUROC,AUROC deviation,Loss (nats/token)");
        assert_eq!(lines[1], "min_k & co,0.7512,0.0113,2.5");
        assert_eq!(lines[3], "none,,,");
    }

    #[test]
    fn ragged_and_empty_tables_have_an_answer() {
        let mut table = sample();
        table.rows[1].pop();
        assert!(export_table(&table, TableFormat::Csv).expect_err("ragged").to_string().contains("row 2 has 2 cells"));
        for format in [TableFormat::Csv, TableFormat::Markdown, TableFormat::Latex] {
            assert!(export_table(&TableView::default(), format).is_ok(), "{format:?}");
        }
    }
}
