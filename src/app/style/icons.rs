//! Icons: small SVG drawings, made into white textures once and tinted when drawn.

use egui::{Color32, ColorImage, Context, Id, Rect, TextureHandle, TextureOptions, Ui, vec2};

macro_rules! icons {
    ($($name:ident $file:literal),+ $(,)?) => {
        /// A drawing of `assets/icons`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[expect(missing_docs, reason = "the names of the drawings say what they are")]
        pub enum Icon { $($name),+ }

        impl Icon {
            fn svg(self) -> &'static str {
                match self { $(Self::$name => include_str!(concat!("../../../assets/icons/", $file, ".svg"))),+ }
            }

            /// Every icon.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];
        }
    };
}

icons! {
    Check "check", Close "close", Compare "compare", Copy "copy", Dark "dark", Data "data", Download "download",
    Edit "edit", Experiment "experiment", Figures "figures", File "file", Filter "filter", Folder "folder",
    Info "info", Landscape "landscape", Left "left", Light "light", Log "log", Model "model", Play "play", Plus "plus", Redo "redo",
    Resume "resume", Right "right", Runs "runs", Sample "sample", Search "search", Settings "settings",
    Split "split", Star "star", Start "start", Stop "stop", System "system", Train "train", Trash "trash", Undo "undo",
    Unlearn "unlearn", Warn "warn",
}

impl Icon {
    /// Draws the icon into `rect`, tinted.
    pub fn paint(self, ui: &Ui, rect: Rect, tint: Color32) {
        let pixels = (rect.width() * ui.ctx().pixels_per_point()).round().clamp(8.0, 256.0) as u32;
        if let Some(texture) = texture(ui.ctx(), self, pixels) {
            let uv = Rect::from_min_max(egui::pos2(0.0, 0.0), egui::pos2(1.0, 1.0));
            ui.painter().image(texture.id(), rect, uv, tint);
        }
    }

    /// Draws the icon in a line of widgets.
    pub fn show(self, ui: &mut Ui, points: f32, tint: Color32) -> egui::Response {
        let (rect, response) = ui.allocate_exact_size(vec2(points, points), egui::Sense::hover());
        self.paint(ui, rect, tint);
        response
    }
}

fn texture(ctx: &Context, icon: Icon, pixels: u32) -> Option<TextureHandle> {
    let id = Id::unique(("icon", icon, pixels));
    if let Some(found) = ctx.data(|d| d.get_temp::<TextureHandle>(id)) {
        return Some(found);
    }
    let image = rasterize(icon.svg(), pixels)?;
    let handle = ctx.load_texture(format!("{icon:?}"), image, TextureOptions::LINEAR);
    ctx.data_mut(|d| d.insert_temp(id, handle.clone()));
    Some(handle)
}

fn rasterize(svg: &str, pixels: u32) -> Option<ColorImage> {
    let tree = usvg::Tree::from_str(svg, &usvg::Options::default()).ok()?;
    let mut pixmap = resvg::tiny_skia::Pixmap::new(pixels, pixels)?;
    let scale = pixels as f32 / tree.size().width();
    resvg::render(&tree, resvg::tiny_skia::Transform::from_scale(scale, scale), &mut pixmap.as_mut());
    let side = pixels as usize;
    Some(ColorImage::from_rgba_premultiplied([side, side], pixmap.data()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_icon_has_ink() {
        for icon in Icon::ALL {
            let image = rasterize(icon.svg(), 24).expect("icons are valid SVG");
            let inked = image.pixels.iter().filter(|p| p.a() > 128).count();
            assert!(inked > 20, "{icon:?} has {inked} inked pixels");
        }
    }
}
