//! Presets: the defaults, and the configurations that papers used.

use egui::{ComboBox, Role, Ui, WidgetInfo};

use crate::app::command::Command;
use crate::app::context::ViewCx;
use crate::app::draft::DraftCommand;
use crate::app::style::Icon;
use crate::app::style::tokens::GAP;
use crate::app::widgets::{caption, icon_button, title};
use crate::methods::presets;

/// The line above the options: which preset, and the way back to it; under it, where it is from.
pub(super) fn presets_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
    let draft = &cx.state.draft;
    let method = draft.method().map(|m| m.card().id).unwrap_or_default();
    let name = draft.preset.map_or("Defaults", |p| p.title);
    ui.horizontal(|ui| {
        ui.label(title("Options"));
        ui.add_space(GAP);
        let is_modified = draft.is_modified();
        let shown = if is_modified { format!("{name}, modified") } else { name.to_owned() };
        let combo = ComboBox::from_id_salt("preset").width(230.0).selected_text(shown);
        let response = combo.show_ui(ui, |ui| {
            if ui
                .selectable_label(draft.preset.is_none(), "Defaults")
                .on_hover_text("All options as declared")
                .clicked()
            {
                cx.send(Command::Edit(DraftCommand::Preset(None)));
            }
            for preset in presets(method) {
                let is_on = draft.preset.is_some_and(|p| p.id == preset.id);
                if ui.selectable_label(is_on, preset.title).on_hover_text(preset.source).clicked() {
                    cx.send(Command::Edit(DraftCommand::Preset(Some(preset))));
                }
            }
        });
        response.response.widget_info(|| WidgetInfo::labeled(Role::ComboBox, true, "Preset"));
        ui.add_enabled_ui(is_modified, |ui| {
            if icon_button(ui, Icon::Undo, &format!("Reset to {name}"), false).clicked() {
                cx.send(Command::Edit(DraftCommand::Preset(draft.preset)));
            }
        });
    });
    if let Some(preset) = draft.preset {
        ui.add(egui::Label::new(caption(ui, preset.source)).wrap().selectable(true));
    }
}
