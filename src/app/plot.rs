//! A figure as an interactive chart.
