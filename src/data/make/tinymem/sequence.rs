//! Sequences of numbers, and the characters in which they are written.

use super::Task;

/// The modulus of all maps but the increment.
const MODULUS: u64 = 20_134;

/// Begins a row.
pub(super) const BOS: u32 = 10;
/// Ends a row.
pub(super) const EOS: u32 = 11;
/// Stands between numbers.
const SEPARATOR: u32 = 12;

/// The map whose iterates a row writes down.
#[derive(Clone, Copy, Debug)]
pub(super) struct Map {
    pub(super) task: Task,
    pub(super) constant: u32,
}

impl Map {
    /// The first `length` iterates from `start`, which is not among them.
    pub(super) fn sequence(self, start: u64, length: usize) -> Vec<u64> {
        std::iter::successors(Some(start), |x| Some(self.apply(*x))).skip(1).take(length).collect()
    }

    fn apply(self, x: u64) -> u64 {
        let c = u64::from(self.constant);
        match self.task {
            Task::Increment => x + c,
            Task::Mult => (c * (x % MODULUS)) % MODULUS,
            Task::Exp => power(c, x),
            Task::Exponential => power(x, c),
            Task::Text => x,
        }
    }
}

/// base^exponent mod 20134, by squaring.
fn power(base: u64, mut exponent: u64) -> u64 {
    let (mut result, mut square) = (1, base % MODULUS);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = result * square % MODULUS;
        }
        square = square * square % MODULUS;
        exponent >>= 1;
    }
    result
}

/// The token ids of a row. A minus sign has no token: −1 is written as 1, as in the published data.
pub(super) fn tokens(numbers: impl Iterator<Item = i64>) -> Vec<u32> {
    let mut ids = vec![BOS];
    for (i, number) in numbers.enumerate() {
        if i > 0 {
            ids.push(SEPARATOR);
        }
        ids.extend(number.unsigned_abs().to_string().bytes().map(|digit| u32::from(digit - b'0')));
    }
    ids.push(EOS);
    ids
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(task: Task, start: u64, n: usize) -> Vec<u64> {
        Map { task, constant: 7 }.sequence(start, n)
    }

    #[test]
    fn iterates_begin_after_the_start() {
        assert_eq!(of(Task::Increment, 0, 4), [7, 14, 21, 28]);
        assert_eq!(of(Task::Mult, 1, 8), [7, 49, 343, 2401, 16807, 16979, 18183, 6477]);
        assert_eq!(of(Task::Mult, 0, 3), [0, 0, 0]);
        assert_eq!(of(Task::Exp, 0, 6), [1, 7, 18183, 14997, 19189, 13013]);
        assert_eq!(of(Task::Exponential, 2, 6), [128, 9200, 16834, 8278, 9352, 6712]);
    }

    #[test]
    fn powers_are_products() {
        let slow = |base: u64, n: u64| (0..n).fold(1, |product, _| product * base % MODULUS);
        for (base, n) in [(7, 20_133), (2, 5_000), (20_133, 3), (0, 0), (0, 5), (19_999, 777)] {
            assert_eq!(power(base, n), slow(base, n), "{base} to the power of {n}");
        }
    }

    #[test]
    fn numbers_become_characters() {
        let increment = of(Task::Increment, 0, 4);
        let ids = tokens(increment.iter().map(|&n| n as i64));
        assert_eq!(ids, [10, 7, 12, 1, 4, 12, 2, 1, 12, 2, 8, 11]);
        assert_eq!(tokens([-1, 0].into_iter()), [10, 1, 12, 0, 11]);
    }
}
