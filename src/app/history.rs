//! What can be undone outside of experiments and pages: layout, what is thrown away, notes, columns.

use egui_tiles::{Container, Tile, TileId, Tree};

use super::runs::{NoteChange, RunEntry};
use super::table::TableLook;
use super::views::ViewId;

/// A change with its way back.
#[derive(Clone, PartialEq)]
pub enum Step {
    /// Views were moved: the layout before and after.
    Layout(Box<Tree<ViewId>>, Box<Tree<ViewId>>),
    /// A run went to the trash.
    Trash(String),
    /// A note of a run changed: how to take it back, and how to do it again.
    Note(String, NoteChange, NoteChange),
    /// The table of runs looks different: before and after.
    Look(Box<TableLook>, Box<TableLook>),
}

/// The changes, the last one at the end.
#[derive(Default)]
pub struct History {
    undo: Vec<Step>,
    redo: Vec<Step>,
}

impl History {
    /// A change was made. A column that is dragged wider is one change.
    pub fn push(&mut self, step: Step) {
        const KEPT: usize = 100;
        self.redo.clear();
        if let (Some(Step::Look(_, last)), Step::Look(_, now)) = (self.undo.last_mut(), &step)
            && only_widths(last, now)
        {
            last.clone_from(now);
            return;
        }
        self.undo.push(step);
        if self.undo.len() > KEPT {
            self.undo.remove(0);
        }
    }

    /// The change to take back.
    pub fn back(&mut self) -> Option<Step> {
        let step = self.undo.pop()?;
        self.redo.push(step.clone());
        Some(step)
    }

    /// The change to make again.
    pub fn forward(&mut self) -> Option<Step> {
        let step = self.redo.pop()?;
        self.undo.push(step.clone());
        Some(step)
    }
}

fn only_widths(a: &TableLook, b: &TableLook) -> bool {
    TableLook { widths: b.widths.clone(), ..a.clone() } == *b
}

/// The change of a run's notes that takes `change` back.
pub fn inverse(run: &RunEntry, change: &NoteChange) -> NoteChange {
    match change {
        NoteChange::Star(_) => NoteChange::Star(run.is_starred),
        NoteChange::Text(_) => NoteChange::Text(run.note.clone()),
        NoteChange::Tags(_) => NoteChange::Tags(run.tags.clone()),
        NoteChange::Archive(_) => NoteChange::Archive(run.is_archived),
        NoteChange::Title(_) => NoteChange::Title(run.name.clone()),
        NoteChange::Color(_) => NoteChange::Color(run.color),
    }
}

/// Where the views are, in words that do not tell which tab is in front nor how wide a place is: going to another view
/// is no change of the layout.
pub fn arrangement(tree: &Tree<ViewId>) -> String {
    tree.root.map_or_else(String::new, |root| describe(tree, root))
}

fn describe(tree: &Tree<ViewId>, id: TileId) -> String {
    match tree.tiles.get(id) {
        Some(Tile::Pane(view)) => view.title().to_owned(),
        Some(Tile::Container(container)) => {
            let parts: Vec<String> = container.children().map(|child| describe(tree, *child)).collect();
            if let [only] = parts.as_slice() {
                return only.clone();
            }
            let kind = match container {
                Container::Tabs(_) => "tabs",
                Container::Linear(linear) if linear.dir == egui_tiles::LinearDir::Horizontal => "row",
                Container::Linear(_) => "column",
                Container::Grid(_) => "grid",
            };
            format!("{kind}({})", parts.join(","))
        }
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::shell;

    #[test]
    fn going_to_a_view_is_no_change_of_the_layout_but_moving_it_is() {
        let mut tree = shell::default_layout();
        let before = arrangement(&tree);
        shell::show(&mut tree, ViewId::Log);
        assert_eq!(arrangement(&tree), before);
        shell::beside(&mut tree, ViewId::Log);
        assert_ne!(arrangement(&tree), before);
    }

    #[test]
    fn changes_are_taken_back_and_made_again() {
        let mut history = History::default();
        let look =
            |width: f32| Box::new(TableLook { widths: [("a".to_owned(), width)].into(), ..TableLook::default() });
        history.push(Step::Trash("a".into()));
        history.push(Step::Look(Box::default(), look(1.0)));
        history.push(Step::Look(look(1.0), look(2.0)));
        assert!(history.back() == Some(Step::Look(Box::default(), look(2.0))), "a drag is one change");
        assert!(history.back() == Some(Step::Trash("a".into())), "then the one before");
        assert!(history.back().is_none(), "nothing is left");
        assert!(history.forward() == Some(Step::Trash("a".into())), "and forward again");
        history.push(Step::Trash("b".into()));
        assert!(history.forward().is_none(), "a new change has no future");
    }
}
