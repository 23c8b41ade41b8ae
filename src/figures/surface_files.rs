//! The numbers of a surface for other programs: NumPy arrays and VTK polygons.

use super::spec::ExportSpec;
use super::text::put;
use super::{Contour, Figure, Mark, notes};
use crate::error::{Error, Result};

/// The one surface of the figures.
fn surface(figures: &[Figure]) -> Result<(&Figure, &Contour)> {
    let mut found = figures.iter().flat_map(|figure| {
        figure.series.iter().filter_map(move |series| match &series.mark {
            Mark::Contour(surface) | Mark::Surface { map: surface, .. } => Some((figure, surface)),
            _ => None,
        })
    });
    match (found.next(), found.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => Err(Error::config("npy and vtp files hold a surface, and this figure has none")
            .hint("choose the figure of a landscape, or write the numbers as CSV")),
        (Some(_), Some(_)) => {
            Err(Error::config("npy and vtp files hold one surface, and there are several").hint("choose one figure"))
        }
    }
}

/// NumPy format 1.0: f64, little endian, (rows, columns) in C order, rows from the lowest ordinate up; holes are NaN.
pub(super) fn npy(figures: &[Figure]) -> Result<Vec<u8>> {
    const START: usize = 10;
    let (_, surface) = surface(figures)?;
    let (rows, columns) = (surface.rows(), surface.columns);
    let mut header = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': ({rows}, {columns}), }}");
    // magic, version, length and header together fill blocks of 64 bytes; the last byte is a line end
    let width = (START + header.len() + 1).next_multiple_of(64) - START - 1;
    header = format!("{header:width$}\n");
    let length =
        u16::try_from(header.len()).map_err(|e| Error::bug(format!("the header of an npy file is too long: {e}")))?;
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(length.to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(surface.values.iter().flat_map(|v| v.to_le_bytes()));
    Ok(bytes)
}

/// VTK XML PolyData for ParaView: a point at every node with its value as height, four-sided cells; cells at a hole are
/// left out.
pub(super) fn vtp(figures: &[Figure], spec: &ExportSpec) -> Result<Vec<u8>> {
    let (figure, surface) = surface(figures)?;
    let (rows, columns) = (surface.rows(), surface.columns);
    let lowest = surface.values.iter().copied().filter(|v| v.is_finite()).fold(f64::INFINITY, f64::min);
    let known = |i: usize| surface.values.get(i).is_some_and(|v| v.is_finite());
    let mut points = String::new();
    let mut values = String::new();
    for (i, value) in surface.values.iter().enumerate() {
        let [x, y] = surface.place((i % columns) as f64, (i / columns) as f64);
        let height = if value.is_finite() {
            *value
        } else if lowest.is_finite() {
            lowest
        } else {
            0.0
        };
        put(&mut points, format_args!("{x} {y} {height}\n"));
        put(&mut values, format_args!("{}\n", if value.is_finite() { value.to_string() } else { "nan".to_owned() }));
    }
    let (mut cells, mut ends, mut n_cells) = (String::new(), String::new(), 0);
    for row in 0..rows.saturating_sub(1) {
        for column in 0..columns.saturating_sub(1) {
            let i = row * columns + column;
            let corners = [i, i + 1, i + columns + 1, i + columns];
            if corners.into_iter().all(known) {
                n_cells += 1;
                put(&mut cells, format_args!("{} {} {} {}\n", corners[0], corners[1], corners[2], corners[3]));
                put(&mut ends, format_args!("{}\n", 4 * n_cells));
            }
        }
    }
    let mut about = String::new();
    for (name, value) in notes::provenance(figure, spec) {
        put(&mut about, format_args!("{name}: {value}\n"));
    }
    // two hyphens would end a comment
    let about = about.replace("--", "\u{2013}");
    let array = |name: &str, kind: &str, more: &str, text: &str| {
        format!("<DataArray type=\"{kind}\" Name=\"{name}\" format=\"ascii\"{more}>\n{text}</DataArray>\n")
    };
    Ok(format!(
        "<?xml version=\"1.0\"?>\n<!--\n{about}-->\n\
         <VTKFile type=\"PolyData\" version=\"0.1\" byte_order=\"LittleEndian\">\n<PolyData>\n\
         <Piece NumberOfPoints=\"{}\" NumberOfVerts=\"0\" NumberOfLines=\"0\" NumberOfStrips=\"0\" NumberOfPolys=\"{n_cells}\">\n\
         <PointData Scalars=\"value\">\n{}</PointData>\n<Points>\n{}</Points>\n<Polys>\n{}{}</Polys>\n\
         </Piece>\n</PolyData>\n</VTKFile>\n",
        surface.values.len(),
        array("value", "Float64", "", &values),
        array("Points", "Float64", " NumberOfComponents=\"3\"", &points),
        array("connectivity", "Int64", "", &cells),
        array("offsets", "Int64", "", &ends),
    )
    .into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::{Rows, Series};

    fn figure(marks: Vec<Mark>) -> Figure {
        let series = |mark| Series { name: String::new(), color: 0, mark, rows: Rows::default() };
        Figure { id: "loss".to_owned(), series: marks.into_iter().map(series).collect(), ..Figure::default() }
    }

    fn plane() -> Mark {
        let values = vec![1.0, 2.5, 3.0, 4.0, f64::NAN, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0];
        Mark::Contour(Contour { columns: 3, values, x: [-1.0, 1.0], y: [0.0, 3.0], ..Contour::default() })
    }

    /// Header bytes as NumPy 2.4 writes them for an array of this shape.
    #[test]
    fn npy_bytes() {
        let bytes = npy(&[figure(vec![plane()])]).unwrap();
        let header = "{'descr': '<f8', 'fortran_order': False, 'shape': (4, 3), }";
        let mut wanted = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
        wanted.extend(format!("{header:117}\n").into_bytes());
        assert_eq!(bytes[..128], wanted);
        assert_eq!(bytes.len(), 128 + 12 * 8);
        let number = |i: usize| f64::from_le_bytes(bytes[128 + 8 * i..136 + 8 * i].try_into().unwrap());
        assert_eq!((number(1), number(11)), (2.5, 12.0));
        assert!(number(4).is_nan());
    }

    #[test]
    fn vtp_leaves_cells_at_holes_out() {
        let text = String::from_utf8(vtp(&[figure(vec![plane()])], &ExportSpec::default()).unwrap()).unwrap();
        // of six cells, four touch the hole
        assert!(text.contains("NumberOfPoints=\"12\"") && text.contains("NumberOfPolys=\"2\""), "{text}");
        assert!(text.contains("6 7 10 9\n7 8 11 10\n") && text.contains("\n4\n8\n"), "{text}");
        assert!(
            text.contains("-1 0 1\n0 0 2.5\n1 0 3\n") && text.contains("\n0 1 1\n"),
            "a hole has the lowest height"
        );
    }

    #[test]
    fn only_one_surface_fits() {
        let line = Mark::Line { points: Vec::new(), band: None, dashed: false };
        let error = npy(&[figure(vec![line])]).unwrap_err().to_string();
        assert!(error.contains("this figure has none"), "{error}");
        let error = vtp(&[figure(vec![plane()]), figure(vec![plane()])], &ExportSpec::default()).unwrap_err();
        assert!(error.to_string().contains("there are several"), "{error}");
    }
}
