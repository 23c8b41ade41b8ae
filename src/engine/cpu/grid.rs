//! Disjoint tiles of row-major numbers, to be written by different threads.
#![expect(unsafe_code, reason = "tiles of one buffer interleave in memory, which slices cannot express")]

use std::marker::PhantomData;
use std::ops::Range;

use crate::tensor::Real;

/// Some columns of some rows.
#[derive(Debug)]
pub(crate) struct TileMut<'a> {
    data: *mut Real,
    ld: usize,
    rows: usize,
    cols: usize,
    life: PhantomData<&'a mut [Real]>,
}

// SAFETY: tiles of one buffer never overlap, so each is as good as a `&mut [Real]`.
unsafe impl Send for TileMut<'_> {}
// SAFETY: a shared tile can only be asked for its extents and for raw pointers.
unsafe impl Sync for TileMut<'_> {}

impl<'a> TileMut<'a> {
    /// The tiles `rows` × `cols` of `data` (`ld` numbers a row), row of tiles after row of tiles. Ranges must be
    /// ascending; what they leave out stays untouched.
    ///
    /// # Panics
    /// If ranges overlap, descend or leave `data`: a bug of the caller.
    pub(crate) fn grid(data: &'a mut [Real], ld: usize, rows: &[Range<usize>], cols: &[Range<usize>]) -> Vec<Self> {
        assert!(ascending(rows) && ascending(cols), "tiles overlap");
        let width = cols.last().map_or(0, |c| c.end);
        let height = rows.iter().filter(|r| !r.is_empty()).map(|r| r.end).next_back().unwrap_or(0);
        assert!(width <= ld && (height == 0 || (height - 1) * ld + width <= data.len()), "a tile leaves its buffer");
        let start = data.as_mut_ptr();
        let tile = |r: &Range<usize>, c: &Range<usize>| Self {
            data: start.wrapping_add(r.start * ld + c.start),
            ld,
            rows: r.len(),
            cols: c.len(),
            life: PhantomData,
        };
        rows.iter().flat_map(|r| cols.iter().map(move |c| tile(r, c))).collect()
    }

    /// All of `data` as one tile.
    ///
    /// # Panics
    /// If `data` is too short.
    pub(crate) fn whole(data: &'a mut [Real], rows: usize, cols: usize) -> Self {
        assert!(rows * cols <= data.len(), "a tile leaves its buffer");
        Self { data: data.as_mut_ptr(), ld: cols, rows, cols, life: PhantomData }
    }

    /// Some rows and columns of this tile.
    ///
    /// # Panics
    /// If there are no such rows or columns.
    pub(crate) fn part(&mut self, rows: Range<usize>, cols: Range<usize>) -> TileMut<'_> {
        assert!(rows.end <= self.rows && cols.end <= self.cols, "a part leaves its tile");
        TileMut {
            data: self.at(rows.start, cols.start),
            ld: self.ld,
            rows: rows.len(),
            cols: cols.len(),
            life: PhantomData,
        }
    }

    /// Number of rows.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub(crate) fn cols(&self) -> usize {
        self.cols
    }

    /// Numbers from one row to the next.
    pub(crate) fn ld(&self) -> usize {
        self.ld
    }

    /// Where row `i`, column `j` lies.
    #[expect(clippy::needless_pass_by_ref_mut, reason = "who may write needs the tile for itself")]
    pub(super) fn at(&mut self, i: usize, j: usize) -> *mut Real {
        self.data.wrapping_add(i * self.ld + j)
    }

    /// Row `i`.
    ///
    /// # Panics
    /// If there is no such row.
    pub(crate) fn row(&mut self, i: usize) -> &mut [Real] {
        assert!(i < self.rows, "a tile has no such row");
        // SAFETY: the row lies in the buffer and in no other tile; `&mut self` keeps it unique.
        unsafe { std::slice::from_raw_parts_mut(self.at(i, 0), self.cols) }
    }
}

fn ascending(ranges: &[Range<usize>]) -> bool {
    ranges.iter().all(|r| r.start <= r.end) && ranges.windows(2).all(|w| w[0].end <= w[1].start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_cover_their_part_and_no_more() {
        let mut data = vec![0.0; 12];
        for (t, mut tile) in TileMut::grid(&mut data, 4, &[0..1, 1..3], &[0..1, 2..4]).into_iter().enumerate() {
            for i in 0..tile.rows() {
                tile.row(i).fill(t as Real + 1.0);
            }
        }
        assert_eq!(data, [1.0, 0.0, 2.0, 2.0, 3.0, 0.0, 4.0, 4.0, 3.0, 0.0, 4.0, 4.0]);
    }

    #[test]
    #[should_panic(expected = "tiles overlap")]
    fn overlap_is_refused() {
        TileMut::grid(&mut [0.0; 12], 4, &[0..2, 1..3], std::slice::from_ref(&(0..4)));
    }
}
