//! Turns the design tokens into an egui style.

use egui::style::{ScrollStyle, Selection, WidgetVisuals};
use egui::{Context, CornerRadius, FontFamily, FontId, Margin, Shadow, Stroke, Style, TextStyle, Theme, vec2};

use super::fonts::SEMIBOLD;
use super::tokens::{CONTROL, GAP, GRID, RADIUS, RADIUS_CARD, Tokens, size};

/// Gives both themes of `ctx` our style.
pub fn install(ctx: &Context) {
    for (theme, dark) in [(Theme::Light, false), (Theme::Dark, true)] {
        ctx.set_style_of(theme, style(theme, Tokens::of(dark)));
    }
}

fn style(theme: Theme, t: &Tokens) -> Style {
    let mut style = Style { visuals: theme.default_visuals(), ..Style::default() };
    let semibold = FontFamily::Name(SEMIBOLD.into());
    style.text_styles = [
        (TextStyle::Small, FontId::proportional(size::SMALL)),
        (TextStyle::Body, FontId::proportional(size::BODY)),
        (TextStyle::Button, FontId::proportional(size::BODY)),
        (TextStyle::Monospace, FontId::monospace(size::BODY - 0.5)),
        (TextStyle::Heading, FontId::new(size::HEADING, semibold)),
    ]
    .into();
    spacing(&mut style);
    visuals(&mut style.visuals, t);
    style.interaction.tooltip_delay = 0.35;
    style.interaction.selectable_labels = false;
    style.animation_time = 0.08;
    style.url_in_tooltip = true;
    style
}

fn spacing(style: &mut Style) {
    let spacing = &mut style.spacing;
    spacing.item_spacing = vec2(GAP, GAP);
    spacing.button_padding = vec2(10.0, 5.0);
    spacing.interact_size = vec2(CONTROL, CONTROL);
    spacing.window_margin = Margin::same(16);
    spacing.menu_margin = Margin::same(6);
    spacing.menu_spacing = GRID;
    spacing.combo_height = 320.0;
    spacing.tooltip_width = 380.0;
    spacing.icon_width = 16.0;
    spacing.icon_width_inner = 9.0;
    spacing.icon_spacing = 6.0;
    spacing.indent = PAD_INDENT;
    spacing.scroll = ScrollStyle { bar_width: 8.0, floating_width: 4.0, ..ScrollStyle::floating() };
}

const PAD_INDENT: f32 = 16.0;

fn visuals(v: &mut egui::Visuals, t: &Tokens) {
    v.override_text_color = None;
    v.weak_text_color = Some(t.text_faint);
    v.panel_fill = t.surface;
    v.window_fill = t.raised;
    v.window_stroke = Stroke::new(1.0, t.border);
    v.window_corner_radius = CornerRadius::same(RADIUS_CARD + 2);
    v.menu_corner_radius = CornerRadius::same(RADIUS_CARD);
    v.window_shadow = Shadow { offset: [0, 8], blur: 28, spread: 0, color: t.shadow };
    v.popup_shadow = Shadow { offset: [0, 4], blur: 16, spread: 0, color: t.shadow };
    v.faint_bg_color = t.sunken;
    v.extreme_bg_color = t.sunken;
    v.text_edit_bg_color = Some(t.sunken);
    v.code_bg_color = t.hover;
    v.warn_fg_color = t.warn;
    v.error_fg_color = t.bad;
    v.hyperlink_color = t.accent;
    v.selection = Selection { bg_fill: t.accent_soft, stroke: Stroke::new(1.0, t.accent) };
    v.striped = false;
    v.slider_trailing_fill = true;
    v.handle_shape = egui::style::HandleShape::Circle;
    v.indent_has_left_vline = false;
    v.widgets.noninteractive = widget(t.surface, t.surface, t.border, t.text);
    v.widgets.inactive = widget(t.sunken, t.surface, t.border, t.text);
    v.widgets.hovered = widget(t.hover, t.hover, t.border_strong, t.text);
    v.widgets.active = widget(t.pressed, t.pressed, t.border_strong, t.text);
    v.widgets.open = widget(t.hover, t.hover, t.border_strong, t.text);
}

fn widget(fill: egui::Color32, weak_fill: egui::Color32, border: egui::Color32, text: egui::Color32) -> WidgetVisuals {
    WidgetVisuals {
        bg_fill: fill,
        weak_bg_fill: weak_fill,
        bg_stroke: Stroke::new(1.0, border),
        corner_radius: CornerRadius::same(RADIUS),
        fg_stroke: Stroke::new(1.2, text),
        expansion: 0.0,
    }
}
