//! Actions whose outcome is waited for: recorders that start and stop, and a reload. The engine carries them out, and
//! asks again with the outcome.

use std::path::Path;

use serde::Serialize;

use crate::engine::{Answer, Ctx, HttpRequest, Operation, OperationResult, RecordResult, StreamId};

use crate::modules::api::actor::Actor;
use crate::modules::api::body::{Record, RecordAction};
use crate::modules::api::reply::{Fault, json_reply};
use crate::modules::api::route::StreamPath;

/// The longest name of a recorder, bytes; longer ones are nobody's.
const MAX_RECORDER: usize = 128;

/// The answer about recorders.
#[derive(Debug, Serialize)]
struct Recorded<'a> {
    recorders: Vec<RecorderOutcome<'a>>,
}

#[derive(Debug, Serialize)]
struct RecorderOutcome<'a> {
    stream: String,
    recorder: &'a str,
    /// "started", "stopped", or "unchanged", as it was so before.
    outcome: &'static str,
    /// The file that has begun or ended.
    path: Option<String>,
}

/// The answer about a reload.
#[derive(Debug, Serialize)]
struct Reloaded<'a> {
    /// What has changed, for people; each further line is a warning.
    text: &'a str,
}

/// Starts or stops a recorder of a stream.
pub fn record(
    cx: &Ctx,
    request: &HttpRequest,
    path: &StreamPath,
    body: &Record,
    actor: &Actor,
) -> Result<Answer, Fault> {
    let (recorder, start) = (body.recorder.as_str(), body.action == RecordAction::Start);
    match request.findings.find(|_: &OperationResult| true) {
        None => {
            let streams = path.find(cx)?;
            if recorder.len() > MAX_RECORDER {
                return Err(no_recorder(recorder, ""));
            }
            let verb = if start { "starts" } else { "stops" };
            let which = match recorder {
                "" => "the recorder".to_owned(),
                name => format!("the recorder {}", name.escape_debug()),
            };
            actor.log(&format!("{verb} {which} of {}/{}", path.app.escape_debug(), path.name.escape_debug()));
            let recorder = recorder.to_owned();
            Ok(Answer::Operate(Operation::Record { streams, recorder, start }))
        }
        Some(OperationResult::Record(results)) => recorded(cx, results, (recorder, start)),
        Some(OperationResult::Reload(_) | OperationResult::Relay(_) | OperationResult::Busy) => Err(busy()),
    }
}

/// Has the configuration read again.
pub fn reload(request: &HttpRequest, actor: &Actor) -> Result<Answer, Fault> {
    match request.findings.find(|_: &OperationResult| true) {
        None => {
            actor.log("reloads the configuration");
            Ok(Answer::Operate(Operation::Reload))
        }
        Some(OperationResult::Reload(Ok(text))) => Ok(Answer::Verbatim(json_reply(200, &Reloaded { text }))),
        // Its text has a line for each error.
        Some(OperationResult::Reload(Err(why))) => Err(Fault::new(422, why.clone())),
        Some(OperationResult::Record(_) | OperationResult::Relay(_) | OperationResult::Busy) => Err(busy()),
    }
}

fn recorded(
    cx: &Ctx,
    results: &[(StreamId, RecordResult)],
    (recorder, start): (&str, bool),
) -> Result<Answer, Fault> {
    let mut recorders = Vec::new();
    let mut failure = None;
    for (stream, result) in results {
        let stream = cx.streams.get(*stream).map_or(String::new(), |stream| stream.label.to_string());
        let mut add = |outcome, path: Option<&Path>| {
            let path = path.map(|path| path.display().to_string());
            recorders.push(RecorderOutcome { stream: stream.clone(), recorder, outcome, path });
        };
        match result {
            RecordResult::NoRecorder => {}
            RecordResult::Unchanged => add("unchanged", None),
            RecordResult::Done(path) | RecordResult::Begins(path) => {
                add(if start { "started" } else { "stopped" }, Some(path));
            }
            RecordResult::Failed(why) => failure = Some(why),
        }
    }
    match (recorders.is_empty(), failure) {
        (false, _) => Ok(Answer::Verbatim(json_reply(200, &Recorded { recorders }))),
        (true, Some(why)) => Err(Fault::new(500, why.clone())),
        (true, None) => {
            let recordings = results.first().and_then(|(stream, _)| cx.streams.get(*stream));
            let recordings = recordings.iter().flat_map(|stream| &stream.recordings);
            let names =
                recordings.map(|recording| recording.recorder.as_str()).filter(|name| !name.is_empty());
            Err(no_recorder(recorder, &names.collect::<Vec<_>>().join(", ")))
        }
    }
}

/// The error if a stream has no recorder of a name; `others` are those that it has.
fn no_recorder(recorder: &str, others: &str) -> Fault {
    let has = if others.is_empty() { String::new() } else { format!("; it has {others}") };
    Fault::not_found(match recorder {
        "" => format!("no \"record\" of its application records this stream, and no recorder is named{has}"),
        name => format!("this stream has no recorder \"{}\"{has}", name.escape_debug()),
    })
}

fn busy() -> Fault {
    Fault::new(503, "too many operations are under way; try again in a moment")
}
