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

/// How the numbers of a column are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Digits {
    /// All with so many digits after the point.
    AfterPoint(usize),
    /// Each with three significant digits: the column holds quantities of very different size.
    Significant,
}

impl Digits {
    fn write(self, value: f64) -> String {
        let Self::AfterPoint(digits) = self else { return significant(value) };
        rounded(value, digits)
    }
}

/// Three significant digits for the largest value and two for the smallest; where that would give the largest more
/// than two digits that say nothing, each number has its own.
fn digits(table: &TableView, column: usize) -> Digits {
    if let Some(digits) = table.columns[column].digits {
        return Digits::AfterPoint(digits.min(12));
    }
    let cells = || table.rows.iter().map(|row| &row[column]);
    let size = |value: f64| Some(value.abs()).filter(|v| v.is_finite() && *v > 0.0);
    let largest = cells().filter_map(|cell| size(cell.value()?)).fold(0.0, f64::max);
    if largest == 0.0 {
        return Digits::AfterPoint(1);
    }
    // A number with a deviation has the digits that the deviation leaves it.
    let alone = |cell: &Cell| match cell {
        Cell::Number { value, deviation: None } => size(*value),
        _ => None,
    };
    let smallest = cells().filter_map(alone).fold(largest, f64::min);
    let [wide, fine] = [(largest, 2), (smallest, 1)].map(|(v, n)| (n - v.log10().floor() as i64).max(0));
    if wide > 8 || fine - wide > 2 { Digits::Significant } else { Digits::AfterPoint(wide.max(fine) as usize) }
}

/// Three significant digits, with an exponent where the number is very small or large.
fn significant(value: f64) -> String {
    let magnitude = if value == 0.0 || !value.is_finite() { 0.0 } else { value.abs().log10().floor() };
    if (-5.0..7.0).contains(&magnitude) {
        return rounded(value, (2.0 - magnitude).clamp(0.0, 7.0) as usize);
    }
    let text = format!("{value:.2e}");
    text.strip_prefix('-').map_or_else(|| text.clone(), |rest| format!("−{rest}"))
}

/// The cell with the digits of its column, without emphasis.
fn shown(cell: &Cell, digits: Digits) -> (String, Option<String>) {
    match cell {
        Cell::Text(text) => (text.clone(), None),
        Cell::Int(value) => (value.to_string(), None),
        Cell::Number { value, deviation } => (digits.write(*value), deviation.map(|d| digits.write(d))),
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
fn best(table: &TableView, column: usize, digits: Digits) -> Vec<bool> {
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
    values.iter().map(|v| v.is_some_and(|v| digits.write(v) == digits.write(top))).collect()
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
fn number_format(table: &TableView, column: usize, digits: Digits) -> String {
    let Digits::AfterPoint(after_point) = digits else { return "S".to_owned() };
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
            uncertain =
                uncertain.max(after_point + before_point(&deviation) - usize::from(deviation.starts_with("0.")));
        }
    }
    let is_real = table.rows.iter().any(|row| matches!(row[column], Cell::Number { .. }));
    let point = if is_real && after_point > 0 { format!(".{after_point}") } else { String::new() };
    let by = if uncertain > 0 { format!("({uncertain})") } else { String::new() };
    format!("S[table-format={}{whole}{point}{by}]", if is_negative { "-" } else { "" })
}

/// One cell of a column of siunitx; what is no number stands in braces.
fn latex_number(cell: &Cell, digits: Digits, is_best: bool) -> String {
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
        assert!(text.contains(r"\begin{tabular}{lS[table-format=1.3(3)]S[table-format=-1.4]}"), "{text}");
        assert!(text.contains(r"min\_k \& co & \bfseries 0.751 +- 0.011 & 2.5000 \\"), "{text}");
        assert!(text.contains(r"zlib | x & \bfseries 0.751 +- 0.020 & \bfseries -0.0010"), "{text}");
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
        assert!(text.contains("| zlib \\| x | **0.751** ± 0.020 | **−0.0010** |"), "{text}");
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
    fn quantities_of_different_size_in_one_column_keep_their_digits() {
        let table = |values: &[f64]| TableView {
            title: String::new(),
            columns: vec![TableColumn { name: "after".to_owned(), ..TableColumn::default() }],
            rows: values.iter().map(|v| vec![Cell::number(*v)]).collect(),
        };
        let cells = |values: &[f64]| -> Vec<String> {
            let text = export_table(&table(values), TableFormat::Markdown).expect("markdown");
            text.lines().skip(2).map(|line| line.trim_matches(['|', ' ']).to_owned()).collect()
        };
        assert_eq!(cells(&[871.3, 0.9432, 0.0053]), ["871", "0.943", "0.00530"]);
        assert_eq!(cells(&[-82.7, 0.9432]), ["−82.70", "0.94"]);
        assert_eq!(cells(&[1.2e-21, 0.5, -3e9]), ["1.20e-21", "0.500", "−3.00e9"]);
        assert_eq!(cells(&[0.512, 0.003, 0.0]), ["0.5120", "0.0030", "0.0000"]);
        let text = export_table(&table(&[871.3, 0.0053]), TableFormat::Latex).expect("latex");
        assert!(text.contains(r"\begin{tabular}{S}") && text.contains("  0.00530 "), "{text}");
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
