//! What is done with data sets that are made: look at their first rows, write them.

use egui::Context;

use super::Window;
use super::command::Command;
use super::dialogs::Dialog;
use super::make_form::Kind;
use super::preview::MadeRows;
use super::worker::FileAsk;

impl Window {
    pub(super) fn apply_made(&mut self, ctx: &Context, command: Command) {
        match command {
            Command::PreviewRows(make, seed) => {
                self.state.made.ask(MadeRows::key(&make, seed));
                self.reader.ask(FileAsk::MadeRows(make, seed));
            }
            Command::MakeData(make, seed, Some(path)) => self.reader.ask(FileAsk::MakeData(make, seed, path)),
            Command::MakeData(make, seed, None) => {
                let name = Kind::of(&make).map_or("data", Kind::title).to_lowercase();
                let save = Dialog::Save("Rows", &["jsonl"]);
                self.ask_path(ctx, save, "Save the rows as", &format!("{name}.jsonl"), move |path| {
                    Command::MakeData(make, seed, Some(path))
                });
            }
            _ => {}
        }
    }
}
