//! Every method is complete, and the README's table is the registry.

use memoscope::methods::registry;

use super::{assert_none, root};

const BEGIN: &str = "<!-- methods: begin -->";
const END: &str = "<!-- methods: end -->";

#[test]
fn ids_are_sorted_and_unique() {
    let ids: Vec<&str> = registry().iter().map(|m| m.card().id).collect();
    assert!(ids.windows(2).all(|w| w[0] < w[1]), "sort the registry by id: {ids:?}");
}

#[test]
fn cards_are_complete() {
    let mut complaints = Vec::new();
    for method in registry() {
        let card = method.card();
        let fields = [("title", card.title), ("about", card.about), ("formula", card.formula)];
        for (name, text) in fields.into_iter().chain([("conventions", card.conventions), ("source", card.source)]) {
            if text.trim().is_empty() {
                complaints.push(format!("{}: the card has no {name}", card.id));
            }
        }
        if let Err(error) = method.validate(&method.defaults()) {
            complaints.push(format!("{}: its defaults are refused: {error}", card.id));
        }
        let schema = serde_json::to_value(method.schema()).unwrap();
        for (field, about) in schema["properties"].as_object().into_iter().flatten() {
            let described = about.get("description").is_some() || about.get("$ref").is_some();
            if !described {
                complaints.push(format!("{}: field `{field}` has no doc comment", card.id));
            }
        }
    }
    assert_none(&complaints);
}

#[test]
fn readme_lists_the_methods() {
    let path = root().join("README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once(BEGIN).expect("the README marks the table of methods");
    let (_, after) = rest.split_once(END).expect("the README marks the end of the table of methods");
    let rows: Vec<String> =
        registry().iter().map(|m| m.card()).map(|c| format!("| `{}` | {} | {} |", c.id, c.about, c.source)).collect();
    let table = format!("| method | what it tells | source |\n|---|---|---|\n{}", rows.join("\n"));
    let expected = format!("{before}{BEGIN}\n{table}\n{END}{after}");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, expected).unwrap();
        return;
    }
    assert_eq!(readme, expected, "the table is stale: run UPDATE=1 cargo test --test suite readme");
}
