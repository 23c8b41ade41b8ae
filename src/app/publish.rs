//! Applying commands of the page of figures.

use egui::Context;

use super::command::Command;
use super::dialogs::Dialog;
use super::window::Window;
use super::worker::FileAsk;

impl Window {
    /// Applies a command of the page; others are none of its business.
    pub(super) fn apply_to_desk(&mut self, ctx: &Context, command: Command) {
        match command {
            Command::Desk(command) => self.state.desk.apply(command),
            Command::Preview(key, page, pixels) => {
                self.state.desk.asked = Some(key);
                self.reader.ask(FileAsk::Preview(key, page, pixels));
            }
            Command::ExportPage(page, Some(path)) => {
                self.reader.ask(FileAsk::Export(page, path, self.state.desk.with_page));
            }
            Command::ExportPage(page, None) => {
                let names: Vec<&str> = page.panels.iter().map(|p| p.figure.as_str()).collect();
                let name = format!("{}.{}", names.join("-"), page.spec.format.extension());
                let dialog = Dialog::Save("Figures", &["pdf", "svg", "png", "csv", "tex"]);
                self.ask_path(ctx, dialog, "Export figure", &name, |path| Command::ExportPage(page, Some(path)));
            }
            Command::ExportAll(run) => {
                self.reader.ask(FileAsk::ExportAll(run, Box::new(self.state.desk.page.spec.clone())));
            }
            Command::OpenPage(path) => self.reader.ask(FileAsk::Page(path)),
            _ => {}
        }
    }
}
