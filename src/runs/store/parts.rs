//! The tables of a step that come part by part.

use super::parquet::ParquetWriter;
use super::{RunDir, SavedTable};
use crate::error::Result;
use crate::methods::Table;

/// Tables that are being written while their step computes.
pub struct Parts {
    run: RunDir,
    /// Keeps the files of several steps apart.
    prefix: String,
    open: Vec<(SavedTable, ParquetWriter)>,
}

impl Parts {
    /// For a step of `run`.
    pub fn new(run: &RunDir, prefix: &str) -> Self {
        Self { run: run.clone(), prefix: prefix.to_owned(), open: Vec::new() }
    }

    /// Adds rows to the table `part.id`.
    pub fn add(&mut self, part: &Table) -> Result<()> {
        if let Some((saved, writer)) = self.open.iter_mut().find(|(saved, _)| saved.id == part.id) {
            saved.rows += part.rows();
            return writer.write(part);
        }
        let file = format!("tables/{}{}.parquet", self.prefix, part.id);
        let mut writer = ParquetWriter::begin(&self.run.path().join(&file), part)?;
        writer.write(part)?;
        self.open.push((SavedTable::new(part, file), writer));
        Ok(())
    }

    /// Completes the tables and describes them.
    pub fn finish(self) -> Result<Vec<SavedTable>> {
        self.open.into_iter().map(|(saved, writer)| writer.finish().map(|()| saved)).collect()
    }
}
