//! The fonts: Inter for the interface, JetBrains Mono for code and ids. Other scripts come from the system.

use std::sync::Arc;

use egui::{Context, FontData, FontDefinitions, FontFamily};

/// Name of the family for titles.
pub const SEMIBOLD: &str = "semibold";

/// Installs the fonts. egui's own emoji fonts stay behind them, and eframe asks the system for the rest.
pub fn install(ctx: &Context) {
    let mut fonts = FontDefinitions::default();
    let files: [(&str, &'static [u8]); 3] = [
        ("inter", include_bytes!("../../../assets/fonts/Inter-Regular.otf")),
        ("inter-semibold", include_bytes!("../../../assets/fonts/Inter-SemiBold.otf")),
        ("jetbrains-mono", include_bytes!("../../../assets/fonts/JetBrainsMono-Regular.ttf")),
    ];
    for (name, bytes) in files {
        fonts.font_data.insert(name.to_owned(), Arc::new(FontData::from_static(bytes)));
    }
    let fallback = fonts.families.get(&FontFamily::Proportional).cloned().unwrap_or_default();
    // At the end for the small triangles of menus and groups, which the others lack.
    let chain = |first: &[&str]| {
        let names = first.iter().map(|s| (*s).to_owned()).chain(fallback.clone());
        names.chain(["jetbrains-mono".to_owned()]).collect::<Vec<_>>()
    };
    fonts.families.insert(FontFamily::Proportional, chain(&["inter"]));
    fonts.families.insert(FontFamily::Monospace, chain(&["jetbrains-mono", "inter"]));
    fonts.families.insert(FontFamily::Name(SEMIBOLD.into()), chain(&["inter-semibold", "inter"]));
    ctx.set_fonts(fonts);
}

/// The title font at `points`.
pub fn semibold(points: f32) -> egui::FontId {
    egui::FontId::new(points, FontFamily::Name(SEMIBOLD.into()))
}

#[cfg(test)]
mod tests {
    use rustybuzz::ttf_parser::Face;

    #[test]
    fn method_cards_have_no_character_that_the_font_lacks() {
        let face = Face::parse(include_bytes!("../../../assets/fonts/Inter-Regular.otf"), 0).unwrap();
        for method in crate::methods::registry() {
            let card = method.card();
            let texts = [card.title, card.about, card.formula, card.conventions, card.source];
            let missing: String = texts.concat().chars().filter(|c| face.glyph_index(*c).is_none()).collect();
            assert_eq!(missing, "", "{}", card.id);
        }
    }
}
