//! Docking: which views are on screen, and where.

use egui::{Align, Color32, CornerRadius, Layout, Margin, ScrollArea, Stroke, Ui, Vec2, Visuals, WidgetText, vec2};
use egui_tiles::{Behavior, Container, SimplificationOptions, TabState, Tabs, Tile, TileId, Tiles, Tree, UiResponse};

use crate::app::context::ViewCx;
use crate::app::style::Tokens;
use crate::app::views::{ViewId, Views};

/// All views as tabs of one place; the rail switches between them.
pub fn default_layout() -> Tree<ViewId> {
    let mut tiles = Tiles::default();
    let panes: Vec<TileId> = ViewId::ALL.iter().map(|v| tiles.insert_pane(*v)).collect();
    let root = tiles.insert_tab_tile(panes);
    Tree::new(egui::Id::unique("views"), root, tiles)
}

/// Brings a view to the front, wherever it is.
pub fn show(tree: &mut Tree<ViewId>, view: ViewId) {
    if tree.tiles.find_pane(&view).is_none() {
        let pane = tree.tiles.insert_pane(view);
        match tree.root.and_then(|root| tree.tiles.get_mut(root)) {
            Some(Tile::Container(container)) => container.add_child(pane),
            _ => *tree = default_layout(),
        }
    }
    tree.make_active(|_, tile| matches!(tile, Tile::Pane(pane) if *pane == view));
}

/// Shows a view to the right of everything else.
pub fn beside(tree: &mut Tree<ViewId>, view: ViewId) {
    if let Some(id) = tree.tiles.find_pane(&view) {
        tree.remove_recursively(id);
    }
    let pane = tree.tiles.insert_pane(view);
    let tabs = tree.tiles.insert_tab_tile(vec![pane]);
    let children = tree.root.into_iter().chain([tabs]).collect();
    tree.root = Some(tree.tiles.insert_horizontal_tile(children));
}

/// Draws the views that are on screen.
pub fn dock_ui(tree: &mut Tree<ViewId>, views: &mut Views, cx: &ViewCx<'_>, ui: &mut Ui) {
    let is_split = tree.root.and_then(|r| tree.tiles.get(r)).is_some_and(
        |tile| !matches!(tile, Tile::Container(Container::Tabs(tabs)) if tabs.children.iter().all(|c| is_pane(&tree.tiles, *c))),
    );
    tree.ui(&mut Dock { views, cx, is_split }, ui);
}

fn is_pane(tiles: &Tiles<ViewId>, id: TileId) -> bool {
    matches!(tiles.get(id), Some(Tile::Pane(_)))
}

struct Dock<'a, 'b> {
    views: &'a mut Views,
    cx: &'a ViewCx<'b>,
    is_split: bool,
}

/// What a view needs to be legible; in less room, as with a large zoom, it is scrolled.
const LEAST: Vec2 = vec2(900.0, 460.0);

impl Dock<'_, '_> {
    fn roomy_ui(&mut self, pane: ViewId, ui: &mut Ui) {
        let room = ui.available_size();
        if room.x >= LEAST.x && room.y >= LEAST.y {
            return self.views.get(pane).view_ui(self.cx, ui);
        }
        ScrollArea::both().id_salt("roomy").auto_shrink([false, false]).show(ui, |ui| {
            let size = room.max(LEAST);
            ui.allocate_ui_with_layout(size, Layout::top_down(Align::Min), |ui| {
                ui.set_max_size(size);
                self.views.get(pane).view_ui(self.cx, ui);
            });
        });
    }

    fn colors(&self) -> &'static Tokens {
        self.cx.tokens
    }
}

impl Behavior<ViewId> for Dock<'_, '_> {
    fn pane_ui(&mut self, ui: &mut Ui, _tile_id: TileId, pane: &mut ViewId) -> UiResponse {
        let margin = Margin { left: 20, right: 20, top: 12, bottom: 12 };
        egui::Frame::new().fill(self.colors().surface).inner_margin(margin).show(ui, |ui| {
            ui.set_min_size(ui.available_size());
            ui.push_id(*pane, |ui| self.roomy_ui(*pane, ui));
        });
        UiResponse::None
    }

    fn tab_title_for_pane(&mut self, pane: &ViewId) -> WidgetText {
        pane.title().into()
    }

    fn is_tab_bar_visible(&self, _tile_id: TileId, _tabs: &Tabs) -> bool {
        self.is_split
    }

    fn is_tab_closable(&self, _tiles: &Tiles<ViewId>, _tile_id: TileId) -> bool {
        self.is_split
    }

    fn tab_bar_height(&self, _style: &egui::Style) -> f32 {
        32.0
    }

    fn gap_width(&self, _style: &egui::Style) -> f32 {
        1.0
    }

    fn min_size(&self) -> f32 {
        240.0
    }

    fn simplification_options(&self) -> SimplificationOptions {
        SimplificationOptions { all_panes_must_have_tabs: true, ..SimplificationOptions::default() }
    }

    fn tab_title_spacing(&self, _visuals: &Visuals) -> f32 {
        12.0
    }

    fn tab_bar_color(&self, _visuals: &Visuals) -> Color32 {
        self.colors().canvas
    }

    fn tab_bg_color(&self, _: &Visuals, _: &Tiles<ViewId>, _: TileId, state: &TabState) -> Color32 {
        if state.active { self.colors().surface } else { Color32::TRANSPARENT }
    }

    fn tab_outline_stroke(&self, _: &Visuals, _: &Tiles<ViewId>, _: TileId, _: &TabState) -> Stroke {
        Stroke::NONE
    }

    fn tab_bar_hline_stroke(&self, _visuals: &Visuals) -> Stroke {
        Stroke::new(1.0, self.colors().border)
    }

    fn tab_text_color(&self, _: &Visuals, _: &Tiles<ViewId>, _: TileId, state: &TabState) -> Color32 {
        if state.active { self.colors().text } else { self.colors().text_faint }
    }

    fn paint_drag_preview(
        &self,
        _visuals: &Visuals,
        painter: &egui::Painter,
        _parent: Option<egui::Rect>,
        preview: egui::Rect,
    ) {
        let t = self.colors();
        let fill = t.accent.gamma_multiply(0.15);
        painter.rect(preview, CornerRadius::same(6), fill, Stroke::new(1.5, t.accent), egui::StrokeKind::Inside);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_are_shown_beside_each_other_and_come_back() {
        let mut tree = default_layout();
        show(&mut tree, ViewId::Compare);
        beside(&mut tree, ViewId::Log);
        let id = tree.tiles.find_pane(&ViewId::Log).expect("still there");
        assert!(ViewId::ALL.iter().all(|v| tree.tiles.find_pane(v).is_some()), "none is lost");
        tree.remove_recursively(id);
        show(&mut tree, ViewId::Log);
        assert!(tree.tiles.find_pane(&ViewId::Log).is_some());
    }
}
