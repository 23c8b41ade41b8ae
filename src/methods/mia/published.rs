//! Published tables beside one's own numbers.

use crate::data::{PublishedRow, published};
use crate::error::Result;

/// Reads a table whose methods are named as ours are.
pub(super) fn read(path: &str) -> Result<Vec<PublishedRow>> {
    let rows = published(std::path::Path::new(path))?;
    Ok(rows.into_iter().map(|row| PublishedRow { method: own_name(&row.method), ..row }).collect())
}

/// Names of the Min-K%++ release in ours; others stay.
fn own_name(name: &str) -> String {
    if let Some(ratio) = name.strip_prefix("mink++_") {
        return format!("min_k_plus_plus_{ratio}");
    }
    if let Some(ratio) = name.strip_prefix("mink_") {
        return format!("min_k_{ratio}");
    }
    match name {
        "ref" => "reference",
        "neighbor" => "neighborhood",
        other => other,
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_release_become_ours() {
        let names = ["loss", "mink_0.2", "mink++_1.0", "ref", "neighbor", "zlib"].map(own_name);
        assert_eq!(names, ["loss", "min_k_0.2", "min_k_plus_plus_1.0", "reference", "neighborhood", "zlib"]);
    }
}
