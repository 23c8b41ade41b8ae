//! Keyboard shortcuts as the user wants them: those of the actions, unless others were chosen.

use std::collections::BTreeMap;

use egui::{Context, Id, Key, KeyboardShortcut, Modifiers};
use serde::{Deserialize, Serialize};

use super::command::Action;

/// Shortcuts that were changed, by the name of their action; they are remembered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keys(BTreeMap<String, KeyboardShortcut>);

/// A change of a shortcut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyChange {
    /// Another shortcut.
    Set(KeyboardShortcut),
    /// The one it came with.
    Reset,
}

impl Keys {
    /// The shortcut of an action, if it has one.
    pub fn of(&self, action: Action) -> Option<KeyboardShortcut> {
        self.0.get(&name(action)).copied().or_else(|| action.shortcut())
    }

    /// Whether the action has another shortcut than it came with.
    pub fn is_changed(&self, action: Action) -> bool {
        self.0.contains_key(&name(action))
    }

    /// Changes a shortcut, or says why that cannot be.
    pub fn change(&mut self, action: Action, change: KeyChange) -> Result<(), String> {
        match change {
            KeyChange::Reset => {
                let was = self.0.remove(&name(action));
                let own = action.shortcut();
                if let Some(other) = own.and_then(|keys| self.owner(keys, action)) {
                    self.0.extend(was.map(|keys| (name(action), keys)));
                    return Err(format!("“{}” has these keys now: change it first", other.title()));
                }
            }
            KeyChange::Set(keys) => {
                if let Some(why) = refusal(keys) {
                    return Err(why.to_owned());
                }
                if let Some(other) = self.owner(keys, action) {
                    return Err(format!("“{}” has these keys: change it first", other.title()));
                }
                self.0.insert(name(action), keys);
            }
        }
        Ok(())
    }

    /// The other action that has these keys.
    fn owner(&self, keys: KeyboardShortcut, action: Action) -> Option<Action> {
        Action::ALL.iter().copied().find(|other| *other != action && self.of(*other) == Some(keys))
    }
}

/// Why keys cannot start an action: text fields need them.
fn refusal(keys: KeyboardShortcut) -> Option<&'static str> {
    let is_function = (Key::F1 as u32..=Key::F35 as u32).contains(&(keys.logical_key as u32));
    let has_modifier = keys.modifiers.command || keys.modifiers.ctrl || keys.modifiers.alt;
    if !has_modifier && !is_function {
        return Some("without Ctrl or Alt these keys write text");
    }
    let is_edit = [Key::C, Key::X, Key::V, Key::A].contains(&keys.logical_key) && keys.modifiers == Modifiers::COMMAND;
    is_edit.then_some("text fields need these keys")
}

fn name(action: Action) -> String {
    format!("{action:?}")
}

/// Lets everything that is drawn know the shortcuts.
pub fn install(ctx: &Context, keys: &Keys) {
    ctx.data_mut(|d| d.insert_temp(Id::unique("shortcuts"), keys.clone()));
}

/// The shortcut of an action, wherever something is drawn.
pub fn of(ctx: &Context, action: Action) -> Option<KeyboardShortcut> {
    match ctx.data(|d| d.get_temp::<Keys>(Id::unique("shortcuts"))) {
        Some(keys) => keys.of(action),
        None => action.shortcut(),
    }
}

/// The action that waits for its new keys; no other shortcut works meanwhile.
pub fn waiting(ctx: &Context) -> Option<Action> {
    ctx.data(|d| d.get_temp::<Option<Action>>(Id::unique("waits for keys"))).flatten()
}

/// Lets an action wait for its new keys, or none.
pub fn wait_for(ctx: &Context, action: Option<Action>) {
    ctx.data_mut(|d| d.insert_temp(Id::unique("waits for keys"), action));
}

/// The keys that were pressed just now, with what was held.
pub fn pressed(ctx: &Context) -> Option<KeyboardShortcut> {
    ctx.input_mut(|i| {
        let at = i.events.iter().position(|e| matches!(e, egui::Event::Key { pressed: true, repeat: false, .. }))?;
        let egui::Event::Key { key, modifiers, .. } = i.events.remove(at) else { return None };
        // On most systems Ctrl is the command key; both flags are set then.
        let shift = if modifiers.shift { Modifiers::SHIFT } else { Modifiers::NONE };
        let alt = if modifiers.alt { Modifiers::ALT } else { Modifiers::NONE };
        let command = if modifiers.command { Modifiers::COMMAND } else { Modifiers::NONE };
        Some(KeyboardShortcut::new(command.plus(shift).plus(alt), key))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ctrl(key: Key) -> KeyboardShortcut {
        KeyboardShortcut::new(Modifiers::COMMAND, key)
    }

    #[test]
    fn keys_belong_to_one_action_and_are_remembered() {
        let mut keys = Keys::default();
        let refused = keys.change(Action::ShowLog, KeyChange::Set(ctrl(Key::P))).unwrap_err();
        assert!(refused.contains("Command palette"), "{refused}");
        assert!(keys.change(Action::ShowLog, KeyChange::Set(ctrl(Key::C))).is_err(), "copying stays copying");
        let letter = KeyboardShortcut::new(Modifiers::NONE, Key::L);
        assert!(keys.change(Action::ShowLog, KeyChange::Set(letter)).is_err(), "a letter is text");
        keys.change(Action::ShowLog, KeyChange::Set(ctrl(Key::L))).unwrap();
        assert_eq!(keys.of(Action::ShowLog), Some(ctrl(Key::L)));
        keys.change(Action::ShowRuns, KeyChange::Set(ctrl(Key::Num9))).unwrap();
        assert!(keys.change(Action::ShowLog, KeyChange::Reset).is_err(), "its own keys have another action now");
        assert_eq!(keys.of(Action::ShowLog), Some(ctrl(Key::L)), "a refusal changes nothing");
        let kept: Keys = serde_json::from_str(&serde_json::to_string(&keys).unwrap()).unwrap();
        assert_eq!(kept, keys);
        keys.change(Action::ShowRuns, KeyChange::Reset).unwrap();
        keys.change(Action::ShowLog, KeyChange::Reset).unwrap();
        assert_eq!(keys, Keys::default());
    }
}
