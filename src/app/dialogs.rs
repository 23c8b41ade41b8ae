//! File dialogs, each on a thread of its own: the window goes on meanwhile.

use std::path::PathBuf;
use std::sync::mpsc::SyncSender;

use super::command::Command;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialog {
    /// A folder.
    Folder,
    /// A file to read, with what it is and its extensions.
    File(&'static str, &'static [&'static str]),
    /// A file to write.
    Save(&'static str, &'static [&'static str]),
}

/// Opens a dialog; `then` makes a command of the chosen path.
pub(super) fn open(
    dialog: Dialog,
    title: &str,
    name: &str,
    sender: SyncSender<Command>,
    ctx: egui::Context,
    then: impl FnOnce(PathBuf) -> Command + Send + 'static,
) {
    let mut files = rfd::FileDialog::new().set_title(title);
    if !name.is_empty() {
        files = files.set_file_name(name);
    }
    let work = move || {
        let chosen = match dialog {
            Dialog::Folder => files.pick_folder(),
            Dialog::File(what, extensions) => files.add_filter(what, extensions).pick_file(),
            Dialog::Save(what, extensions) => files.add_filter(what, extensions).save_file(),
        };
        if let Some(path) = chosen
            && sender.send(then(path)).is_ok()
        {
            ctx.request_repaint();
        }
    };
    // Without a thread there is no dialog; paths can still be pasted.
    let started = std::thread::Builder::new().name("memoscope-dialog".to_owned()).spawn(work);
    drop(started);
}
