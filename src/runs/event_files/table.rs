//! Events as CSV, a row each, and as JSONL.

use crate::error::{Error, Result};
use crate::runs::store::{Event, Line, shortest};

/// A row an event: time in seconds since 1970 (UTC), kind, step, name, abscissa, number, text. Cells that an event has
/// no use for are empty; the name of a sample is its prompt, that of progress its stage.
pub fn csv(lines: &[Line]) -> Result<Vec<u8>> {
    let fault = |e: csv::Error| Error::bug(format!("events as CSV: {e}"));
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["time", "event", "step", "name", "at", "value", "text"]).map_err(fault)?;
    for line in lines {
        let [event, step, name, at, value, text] = cells(&line.event);
        writer.write_record([shortest(line.time), event, step, name, at, value, text]).map_err(fault)?;
    }
    writer.into_inner().map_err(|e| Error::bug(format!("events as CSV: {e}")))
}

/// A JSON object a line, as in `events.jsonl` but without torn lines.
pub fn jsonl(lines: &[Line]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for line in lines.iter().filter(|line| line.event != Event::Unknown) {
        let text = serde_json::to_vec(line).map_err(|e| Error::bug(format!("events as JSON: {e}")))?;
        bytes.extend(text);
        bytes.push(b'\n');
    }
    Ok(bytes)
}

fn cells(event: &Event) -> [String; 6] {
    let empty = String::new;
    let number = |value: &Option<f64>| value.map(shortest).unwrap_or_default();
    match event {
        Event::State { state } => ["state".into(), empty(), empty(), empty(), empty(), state.name().into()],
        Event::Progress { step, stage, done, rate, .. } => {
            ["progress".into(), step.to_string(), stage.clone(), done.to_string(), number(rate), empty()]
        }
        Event::Metric { step, name, at, value } => {
            ["metric".into(), step.to_string(), name.clone(), at.to_string(), number(value), empty()]
        }
        Event::Sample { step, at, prompt, text, .. } => {
            ["sample".into(), step.to_string(), prompt.clone(), at.to_string(), empty(), text.clone()]
        }
        Event::Log { message } => ["log".into(), empty(), empty(), empty(), empty(), message.clone()],
        Event::Warning { message } => ["warning".into(), empty(), empty(), empty(), empty(), message.clone()],
        Event::Unknown => ["unknown".into(), empty(), empty(), empty(), empty(), empty()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_rows_with_shortest_numbers() {
        let metric = |value| Event::Metric { step: 1, name: "loss".into(), at: 5, value };
        let lines = [
            Line { time: 1.5, event: metric(Some(0.1)) },
            Line { time: 2.0, event: metric(None) },
            Line { time: 3.0, event: Event::Log { message: "a, \"b\"".into() } },
        ];
        let text = String::from_utf8(csv(&lines).unwrap()).unwrap();
        let expected = "time,event,step,name,at,value,text\n\
            1.5,metric,1,loss,5,0.1,\n2.0,metric,1,loss,5,,\n3.0,log,,,,,\"a, \"\"b\"\"\"\n";
        assert_eq!(text, expected);
        let text = String::from_utf8(jsonl(&lines).unwrap()).unwrap();
        let back: Vec<Line> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(back, lines);
    }
}
