//! What people can be called, and where they can have lived, learned and worked.
//!
//! Sizes are those of the published data: 400 first and 400 middle names, 1000 last names, 200 cities, 300
//! universities, 100 majors, 100 companies in 72 cities.

use std::sync::LazyLock;

use super::Field;

/// The lists.
pub(super) struct Pools {
    pub(super) first: Vec<&'static str>,
    pub(super) middle: Vec<&'static str>,
    pub(super) last: Vec<&'static str>,
    pub(super) cities: Vec<&'static str>,
    pub(super) universities: Vec<&'static str>,
    pub(super) majors: Vec<&'static str>,
    /// Companies and the cities in which they have their seat.
    pub(super) employers: Vec<(&'static str, &'static str)>,
    /// Sentences with `{S}`, `{p}` and `{V}`, in the order of [`Field::ALL`].
    pub(super) sentences: [Vec<&'static str>; 6],
}

/// All lists, split once.
pub(super) fn pools() -> &'static Pools {
    static POOLS: LazyLock<Pools> = LazyLock::new(|| {
        let lines = |text: &'static str| text.lines().collect();
        Pools {
            first: lines(include_str!("pools/first.txt")),
            middle: lines(include_str!("pools/middle.txt")),
            last: lines(include_str!("pools/last.txt")),
            cities: lines(include_str!("pools/cities.txt")),
            universities: lines(include_str!("pools/universities.txt")),
            majors: lines(include_str!("pools/majors.txt")),
            employers: include_str!("pools/employers.txt").lines().filter_map(|line| line.split_once('|')).collect(),
            sentences: Field::ALL.map(|field| {
                lines(match field {
                    Field::BirthDate => include_str!("templates/bdate.txt"),
                    Field::BirthCity => include_str!("templates/bcity.txt"),
                    Field::University => include_str!("templates/university.txt"),
                    Field::Major => include_str!("templates/major.txt"),
                    Field::Employer => include_str!("templates/employer.txt"),
                    Field::CompanyCity => include_str!("templates/company_city.txt"),
                })
            }),
        }
    });
    &POOLS
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn pools_have_their_sizes_and_no_entry_twice() {
        let p = pools();
        for (list, size) in [
            (&p.first, 400),
            (&p.middle, 400),
            (&p.last, 1000),
            (&p.cities, 200),
            (&p.universities, 300),
            (&p.majors, 100),
        ] {
            let distinct: BTreeSet<_> = list.iter().collect();
            assert_eq!((list.len(), distinct.len()), (size, size));
            assert!(list.iter().all(|entry| !entry.is_empty() && entry.trim() == *entry && !entry.contains('|')));
        }
        let companies: BTreeSet<_> = p.employers.iter().map(|(name, _)| name).collect();
        let seats: BTreeSet<_> = p.employers.iter().map(|(_, city)| city).collect();
        assert_eq!((p.employers.len(), companies.len(), seats.len()), (100, 100, 72));
    }

    #[test]
    fn sentences_begin_with_the_person_and_hold_the_value_once() {
        for sentences in &pools().sentences {
            assert_eq!(sentences.len(), 48);
            assert_eq!(sentences.iter().collect::<BTreeSet<_>>().len(), 48);
            for sentence in sentences {
                assert!(sentence.starts_with("{S} ") && sentence.ends_with('.'), "{sentence}");
                assert_eq!((sentence.matches("{S}").count(), sentence.matches("{V}").count()), (1, 1), "{sentence}");
            }
        }
    }
}
