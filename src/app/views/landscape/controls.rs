//! What is shown, and how.

use std::sync::Arc;

use egui::{DragValue, Role, Slider, Ui, WidgetInfo};

use super::{Look, Map};
use crate::app::command::Command;
use crate::app::context::ViewCx;
use crate::app::runs::{RunCommand, RunEntry};
use crate::app::style::tokens::{GAP, TIGHT};
use crate::app::surface::Picked;
use crate::app::widgets::{button, caption, segmented, soft};
use crate::figures::Relief;
use crate::figures::relief::Camera;
use crate::figures::ticks::short;

/// The runs; several can be looked at together.
pub(super) fn runs_ui(cx: &ViewCx<'_>, runs: &[&Arc<RunEntry>], ui: &mut Ui) {
    ui.label(caption(ui, "Runs"));
    ui.spacing_mut().item_spacing.y = 2.0;
    for run in runs.iter().take(40) {
        let chosen = &cx.state.runs.chosen;
        let mut is_on = chosen.contains(&run.id);
        if ui.checkbox(&mut is_on, &run.name).changed() {
            let mut ids = chosen.clone();
            if is_on {
                ids.push(run.id.clone());
            } else {
                ids.retain(|id| *id != run.id);
            }
            cx.send(Command::Run(RunCommand::Choose(ids)));
        }
    }
    ui.add_space(GAP);
}

/// The maps; at most `most` side by side.
pub(super) fn maps_ui(maps: &[Map<'_>], shown: &mut Vec<(String, String)>, most: usize, ui: &mut Ui) {
    ui.label(caption(ui, format!("Maps, up to {most} side by side")));
    for map in maps {
        let mut is_on = shown.contains(&map.key());
        ui.add_enabled_ui(is_on || shown.len() < most, |ui| {
            if ui.checkbox(&mut is_on, &map.figure.title).on_hover_text(&map.figure.caption).changed() {
                if is_on {
                    shown.push(map.key());
                } else if shown.len() > 1 {
                    shown.retain(|key| *key != map.key());
                }
            }
        });
    }
    ui.add_space(GAP);
}

/// In space, from above, or as a difference.
pub(super) fn look_ui(look: &mut Look, has_two: bool, ui: &mut Ui) {
    let mut choices = vec![
        (Look::Space, "Space", "A surface that can be turned"),
        (Look::Above, "Above", "Colors seen from above"),
        (Look::Slices, "Slices", "Cuts along both directions"),
    ];
    if has_two {
        choices.push((Look::Difference, "Difference", "The first map minus the second"));
    } else if *look == Look::Difference {
        *look = Look::Above;
    }
    ui.horizontal(|ui| {
        if let Some(chosen) = segmented(ui, "Look", *look, &choices) {
            *look = chosen;
        }
    });
    ui.add_space(GAP);
}

/// Heights, lines and camera. `fitted` is the range of all values.
pub(super) fn relief_ui(relief: &mut Relief, own_ranges: &mut bool, fitted: Option<[f64; 2]>, ui: &mut Ui) {
    ui.spacing_mut().item_spacing.y = TIGHT;
    ui.checkbox(&mut relief.log, "Logarithmic heights");
    ui.checkbox(own_ranges, "Own range for each").on_hover_text("Else all have one range and one scale of colors");
    if let Some(fitted) = fitted.filter(|_| !*own_ranges) {
        range_ui(&mut relief.range, fitted, ui);
    }
    ui.add_space(GAP);
    ui.label(caption(ui, "Contour lines"));
    let slider = ui.add(Slider::new(&mut relief.contours, 0..=40));
    slider.widget_info(|| WidgetInfo::slider(true, relief.contours as f64, "Contour lines"));
    ui.checkbox(&mut relief.camera.orthographic, "Parallel lines").on_hover_text("Orthographic instead of perspective");
    ui.horizontal(|ui| {
        let straight = |azimuth, elevation, camera: Camera| Camera { azimuth, elevation, ..camera };
        if button(ui, None, "Reset").clicked() {
            let orthographic = relief.camera.orthographic;
            relief.camera = Camera { orthographic, ..Camera::default() };
        }
        if button(ui, None, "Front").clicked() {
            relief.camera = straight(-90.0, 0.0, relief.camera);
        }
        if button(ui, None, "Side").clicked() {
            relief.camera = straight(0.0, 0.0, relief.camera);
        }
        if button(ui, None, "Top").clicked() {
            relief.camera = straight(-90.0, 89.9, relief.camera);
        }
    });
    let Camera { azimuth, elevation, zoom, .. } = relief.camera;
    let turned = if azimuth > 180.0 { azimuth - 360.0 } else { azimuth };
    ui.label(caption(ui, format!("Camera: {turned:.0}° around, {elevation:.0}° up, {:.0} %", 100.0 * zoom)));
}

fn range_ui(range: &mut Option<[f64; 2]>, fitted: [f64; 2], ui: &mut Ui) {
    let mut is_cut = range.is_some();
    if ui.checkbox(&mut is_cut, "Cut heights").on_hover_text("What is higher or lower is drawn at the end").changed() {
        *range = is_cut.then_some(fitted);
    }
    let Some([low, high]) = range else { return };
    let speed = (fitted[1] - fitted[0]) / 200.0;
    ui.horizontal(|ui| {
        let mut number = |value: &mut f64, name: &str| {
            let drag = ui.add(DragValue::new(value).speed(speed));
            drag.widget_info(|| WidgetInfo::labeled(Role::SpinButton, true, name));
        };
        number(low, "Lowest height");
        number(high, "Highest height");
    });
    if *low >= *high {
        *range = Some(fitted);
    }
}

/// The point under the pointer.
pub(super) fn picked_ui(title: &str, picked: &Picked, ui: &mut Ui) {
    let [x, y, value] = picked.at;
    ui.label(caption(ui, title));
    ui.label(soft(ui, format!("({}, {}) → {}", short(round(x)), short(round(y)), short(value))));
}

fn round(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}
