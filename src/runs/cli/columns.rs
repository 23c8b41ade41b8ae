//! `export --columns`: some columns of a table, with the best values marked.

use crate::error::{Error, Result};
use crate::figures::{Direction, TableColumn, TableView};

/// The columns that `names` lists, in its order: "method,auroc+,fpr95-". A sign says which values are best: the highest
/// or the lowest, which Markdown and LaTeX then set in bold.
pub(super) fn pick(table: TableView, names: &str) -> Result<TableView> {
    let mut columns = Vec::new();
    let mut places = Vec::new();
    for name in names.split(',').map(str::trim) {
        let (name, direction) = match name.strip_suffix('+') {
            Some(name) => (name, Direction::Higher),
            None => name.strip_suffix('-').map_or((name, Direction::Neutral), |name| (name, Direction::Lower)),
        };
        let place = table.columns.iter().position(|column| column.name == name);
        let place = place.ok_or_else(|| {
            let known: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
            Error::config(format!("--columns: the table has no column `{name}`"))
                .hint(format!("its columns are {}", known.join(", ")))
        })?;
        let column = table.columns.get(place).cloned().unwrap_or_default();
        columns.push(TableColumn { direction, ..column });
        places.push(place);
    }
    let rows = table.rows.iter().map(|row| places.iter().filter_map(|place| row.get(*place).cloned()).collect());
    Ok(TableView { rows: rows.collect(), columns, title: table.title })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::{Cell, TableFormat, export_table};

    fn table() -> TableView {
        let column = |name: &str| TableColumn { name: name.to_owned(), ..TableColumn::default() };
        let row = |name: &str, auroc, fpr| vec![Cell::Text(name.to_owned()), Cell::number(auroc), Cell::number(fpr)];
        TableView {
            title: "T".to_owned(),
            columns: ["method", "auroc", "fpr95"].map(column).to_vec(),
            rows: vec![row("loss", 0.6, 0.9), row("zlib", 0.7, 0.95)],
        }
    }

    #[test]
    fn columns_come_in_the_order_asked_for_with_the_best_in_bold() {
        let text = export_table(&pick(table(), "fpr95-, method, auroc+").unwrap(), TableFormat::Markdown).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("| fpr95"), "{text}");
        assert!(lines[2].contains("**0.900**") && !lines[2].contains("**0.600"), "{text}");
        assert!(lines[3].contains("**0.700**") && !lines[3].contains("**0.950"), "{text}");
    }

    #[test]
    fn a_column_that_is_not_there_lists_those_that_are() {
        let error = pick(table(), "method,auc").unwrap_err().to_string();
        assert!(error.contains("no column `auc`") && error.contains("method, auroc, fpr95"), "{error}");
    }
}
