//! Everything a user can do, as values: views push commands, the window applies them after drawing.

use std::path::PathBuf;

use egui::{Key, KeyboardShortcut, Modifiers};

use super::keys::KeyChange;
use super::state::Appearance;
use super::views::ViewId;
use super::worker::Side;
use crate::data::make::Make;

/// Something to be done after drawing.
#[derive(Clone, Debug)]
pub enum Command {
    /// An action of the palette and the shortcuts.
    Do(Action),
    /// Show a view.
    Show(ViewId),
    /// Show a view beside the present one.
    Beside(ViewId),
    /// Open a path or hub id, whatever it is.
    Open(PathBuf),
    /// Open a model folder or hub id.
    OpenModel(PathBuf),
    /// Open a data file.
    OpenData(PathBuf),
    /// Read a data file again with columns mapped by hand.
    MapColumns(PathBuf, std::collections::BTreeMap<String, String>),
    /// Use an open data set in Compare and Data.
    ChooseData(usize),
    /// Close an open data set.
    CloseData(usize),
    /// Set the text of a side.
    SetText(Side, String),
    /// Make the first rows of a set, with this seed.
    PreviewRows(Box<Make>, u64),
    /// Make a data set with this seed, write and open it; without a path the user is asked for one.
    MakeData(Box<Make>, u64, Option<PathBuf>),
    /// Show this pair of the data.
    ChoosePair(usize),
    /// Split a text into tokens in the Model view.
    Tokenize(String),
    /// Continue a text in the Model view.
    Continue(String, usize),
    /// Choose light, dark or the system's theme.
    SetAppearance(Appearance),
    /// Change the keys of an action.
    Keys(Action, KeyChange),
    /// A short message.
    Toast(String),
    /// Copy to the clipboard and say so.
    Copy(String),
    /// Save text under a name that the user chooses; this one is proposed.
    Save(String, String),
    /// Write text to a file.
    Write(PathBuf, String),
    /// Keep a path at the top of the recent ones, or not any more.
    ToggleFavorite(PathBuf),
    /// Something of the page of figures.
    Desk(super::desk::DeskCommand),
    /// Draw the picture of a page, so many pixels wide, under this key.
    Preview(u64, Box<crate::runs::Page>, u32),
    /// Write a page; without a path the user is asked for one.
    ExportPage(Box<crate::runs::Page>, Option<PathBuf>),
    /// Write every figure and table of a run into its folder.
    ExportAll(String),
    /// Open the file of a page.
    OpenPage(PathBuf),
    /// Open an experiment file.
    OpenExperiment(PathBuf),
    /// Look at a run: its folder.
    OpenRun(PathBuf),
    /// Something of runs and experiments.
    Run(super::runs::RunCommand),
    /// Something of the Unlearn view.
    Unlearn(super::unlearn::UnlearnCommand),
    /// Something of the experiment form.
    Edit(super::draft::DraftCommand),
}

macro_rules! actions {
    ($($name:ident $title:literal $about:literal $key:expr),+ $(,)?) => {
        /// What the palette lists and a shortcut can start.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[expect(missing_docs, reason = "title and explanation stand beside the name")]
        pub enum Action { $($name),+ }

        impl Action {
            /// Every action, in the order of the palette.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Shown name.
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title),+ }
            }

            /// What it does.
            pub fn about(self) -> &'static str {
                match self { $(Self::$name => $about),+ }
            }

            /// Its shortcut, if it has one.
            pub fn shortcut(self) -> Option<KeyboardShortcut> {
                match self { $(Self::$name => $key),+ }
            }
        }
    };
}

#[expect(clippy::unnecessary_wraps, reason = "the table of actions has places without a shortcut")]
const fn ctrl(key: Key) -> Option<KeyboardShortcut> {
    Some(KeyboardShortcut::new(Modifiers::COMMAND, key))
}

#[expect(clippy::unnecessary_wraps, reason = "the table of actions has places without a shortcut")]
const fn ctrl_shift(key: Key) -> Option<KeyboardShortcut> {
    Some(KeyboardShortcut::new(Modifiers::COMMAND.plus(Modifiers::SHIFT), key))
}

#[expect(clippy::unnecessary_wraps, reason = "the table of actions has places without a shortcut")]
const fn alt(key: Key) -> Option<KeyboardShortcut> {
    Some(KeyboardShortcut::new(Modifiers::ALT, key))
}

#[expect(clippy::unnecessary_wraps, reason = "the table of actions has places without a shortcut")]
const fn plain(key: Key) -> Option<KeyboardShortcut> {
    Some(KeyboardShortcut::new(Modifiers::NONE, key))
}

actions! {
    Palette "Command palette…" "Finds every command by name" ctrl(Key::P),
    PaletteToo "Command palette" "Finds every command by name" ctrl(Key::K),
    OpenModelFolder "Open model folder…" "A folder with config.json and safetensors" ctrl(Key::O),
    OpenDataFile "Open data file…" "JSONL, JSON, CSV, TXT or Parquet" ctrl_shift(Key::O),
    OpenSample "Open the sample" "A tiny model with members, non-members and paraphrases" None,
    RunDemo "Run the demo study" "Trains a small model on made-up people, measures, makes it forget, looks around it" None,
    ShowStart "Go to Start" "Open things, recent items" ctrl(Key::Num1),
    ShowModel "Go to Model" "Tensors, configuration, tokenizer" ctrl(Key::Num2),
    ShowData "Go to Data" "Rows, columns, token lengths" ctrl(Key::Num3),
    ShowCompare "Go to Compare" "Original and paraphrase side by side" ctrl(Key::Num4),
    ShowExperiment "Go to Experiment" "Set up a measurement and start it" ctrl(Key::Num5),
    ShowTrain "Go to Train" "Set up a training, and watch a model learn and memorize" ctrl_shift(Key::T),
    ShowRuns "Go to Runs" "Progress and results" ctrl(Key::Num6),
    ShowUnlearn "Go to Unlearn" "Make a model forget, see what went and what it cost" alt(Key::U),
    ShowLandscape "Go to Landscape" "The loss around a model, in space and from above" ctrl(Key::Num7),
    ShowFigures "Go to Figures" "Charts of a run, export" ctrl(Key::Num8),
    ShowLog "Go to Log" "What happened" ctrl(Key::Num9),
    PreviousPair "Previous pair" "In Compare" alt(Key::ArrowUp),
    NextPair "Next pair" "In Compare" alt(Key::ArrowDown),
    SwapTexts "Swap original and paraphrase" "In Compare" None,
    ColorByLoss "Color by loss" "In Compare" alt(Key::L),
    ColorByRank "Color by rank" "In Compare" alt(Key::R),
    ColorByGradient "Color by gradient contribution" "In Compare" alt(Key::G),
    ColorOff "Color off" "In Compare: differences only" alt(Key::O),
    ToggleNumbers "Show or hide numbers under tokens" "In Compare" alt(Key::N),
    ToggleWhitespace "Show or hide white space signs" "In Compare" alt(Key::W),
    ToggleEditors "Show or hide the text fields" "In Compare" alt(Key::E),
    RunExperiment "Run the experiment" "Starts a process of its own" ctrl(Key::Enter),
    RunSeeds "Repeat with 5 seeds" "Five runs in the queue, from the seed of the experiment on" None,
    CopyCommand "Copy experiment as command" "For a terminal or a cluster" ctrl_shift(Key::C),
    SaveExperiment "Save experiment as…" "One JSON file" ctrl_shift(Key::S),
    OpenExperiment "Open experiment file…" "One JSON file" None,
    OpenPage "Open page of figures…" "One JSON file" None,
    Undo "Undo" "The last edit of the experiment or page, else of layout, columns, notes, or a deletion" ctrl(Key::Z),
    Redo "Redo" "What was undone" ctrl_shift(Key::Z),
    ResetExperiment "Reset to preset" "All options of the experiment" None,
    SplitRight "Show this view beside the others" "Tabs can be dragged to any place" ctrl(Key::Backslash),
    ResetLayout "Reset layout" "One view at a time" None,
    ThemeLight "Light theme" "" None,
    ThemeDark "Dark theme" "" None,
    ThemeSystem "Theme of the system" "" None,
    ZoomIn "Zoom in" "" ctrl(Key::Equals),
    ZoomInToo "Zoom in" "" ctrl(Key::Plus),
    ZoomOut "Zoom out" "" ctrl(Key::Minus),
    ZoomReset "Zoom 100 %" "" ctrl(Key::Num0),
    CloseDialog "Close dialog" "Palette, messages" plain(Key::Escape),
    About "About Memoscope" "Version, license, what it does not do" None,
    Glossary "Glossary" "What the words and measures mean, with formulas and sources" ctrl(Key::G),
    Help "Keyboard shortcuts" "All of them, and how to change them" plain(Key::F1),
    Quit "Quit" "Runs go on without the window" ctrl(Key::Q),
}

impl Action {
    /// Its shortcut as people write it, such as `Ctrl+\\`.
    pub fn keys(self, ctx: &egui::Context) -> Option<String> {
        let text = ctx.format_shortcut(&super::keys::of(ctx, self)?);
        let signs = [("Backslash", "\\"), ("Equals", "+"), ("Plus", "+"), ("Minus", "−"), ("Up", "↑"), ("Down", "↓")];
        Some(signs.iter().fold(text, |text, (name, sign)| match text.strip_suffix(name) {
            Some(head) => format!("{head}{sign}"),
            None => text,
        }))
    }

    /// The action that shows `view`.
    pub fn of_view(view: ViewId) -> Self {
        match view {
            ViewId::Start => Self::ShowStart,
            ViewId::Model => Self::ShowModel,
            ViewId::Data => Self::ShowData,
            ViewId::Compare => Self::ShowCompare,
            ViewId::Experiment => Self::ShowExperiment,
            ViewId::Train => Self::ShowTrain,
            ViewId::Runs => Self::ShowRuns,
            ViewId::Unlearn => Self::ShowUnlearn,
            ViewId::Landscape => Self::ShowLandscape,
            ViewId::Figures => Self::ShowFigures,
            ViewId::Log => Self::ShowLog,
        }
    }

    /// Whether the palette lists it: not the ones that are there for a second shortcut.
    pub fn is_listed(self) -> bool {
        !matches!(self, Self::PaletteToo | Self::ZoomInToo | Self::CloseDialog)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn shortcuts_do_not_clash() {
        let shortcuts: Vec<_> = Action::ALL.iter().filter_map(|a| Some((*a, a.shortcut()?))).collect();
        for (i, (a, x)) in shortcuts.iter().enumerate() {
            for (b, y) in &shortcuts[i + 1..] {
                assert_ne!(x, y, "{a:?} and {b:?}");
            }
        }
        // Text fields need these for themselves.
        for (a, s) in shortcuts {
            let taken = [Key::C, Key::X, Key::V, Key::A].contains(&s.logical_key) && s.modifiers == Modifiers::COMMAND;
            assert!(!taken, "{a:?} takes a key of text fields");
        }
    }

    #[test]
    fn every_action_is_named_once() {
        let names: BTreeSet<_> = Action::ALL.iter().filter(|a| a.is_listed()).map(|a| a.title()).collect();
        assert_eq!(names.len(), Action::ALL.iter().filter(|a| a.is_listed()).count());
        assert!(names.iter().all(|n| !n.ends_with('.')));
    }
}
