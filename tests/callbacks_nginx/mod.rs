//! One configuration, one backend and the same clients: the calls are those of nginx-rtmp, field by field, but for
//! the differences that one table lists.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod client;
mod differences;
mod scenarios;

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use client::Client;
use differences::{Change, DIFFERENCES};
use scenarios::{CONFIGURATION, SCENARIOS, Scenario, Step, answer};

use crate::common::backend::{Backend, Request};
use crate::common::nginx::Nginx;
use crate::common::{Folder, Server, free_port, not_tested};

/// The module of nginx, where Debian has it.
const MODULE: &str = "/usr/lib/nginx/modules/ngx_rtmp_module.so";

/// A call: the method and the path, and the fields in their order.
type Call = (String, Vec<(String, String)>);

#[test]
fn the_calls_are_those_of_nginx_rtmp() {
    let Some(calls_of_nginx) = calls_of_nginx() else { return };
    let expected = expected(calls_of_nginx);
    let backend = Backend::start(answer);
    let folder = Folder::new();
    let addresses = [(); 2].map(|()| SocketAddr::from(([127, 0, 0, 1], 0)));
    let text = configuration(&folder, addresses, &backend);
    let mut server = Server::start_in(folder, &format!("pid off; {text}"));
    let addresses = [server.rtmp[0], server.rtmp[1]];
    let own = calls(addresses, &backend, &server.folder, &|scenario, step| expected[scenario][step].len());
    let (own, expected) = (lines(&own), lines(&expected));
    let without = |lines: &[String], others: &[String]| -> Vec<String> {
        lines.iter().filter(|line| !others.contains(line)).cloned().collect()
    };
    let (more, less) = (without(&own, &expected), without(&expected, &own));
    assert!(own == expected, "not expected: {more:#?}\nexpected, and not there: {less:#?}");
    server.stop();
    assert_eq!(backend.requests().len(), own.len(), "nothing more is called: {:#?}", backend.requests());
}

/// The configuration with these addresses and this backend, and the folders that recordings need.
fn configuration(folder: &Path, addresses: [SocketAddr; 2], backend: &Backend) -> String {
    for name in ["rec", "second", "third"] {
        fs::create_dir_all(folder.join(name)).unwrap();
    }
    let text = CONFIGURATION.replace("FOLDER", folder.to_str().unwrap()).replace("BACKEND", &backend.url(""));
    let [first, second] = addresses.map(|address| address.to_string());
    text.replace("FIRST", &first).replace("SECOND", &second)
}

/// The calls of nginx; none where it is not installed.
fn calls_of_nginx() -> Option<Vec<Vec<Vec<Call>>>> {
    if !Path::new(MODULE).exists() {
        not_tested("nginx with its RTMP module is not installed");
        return None;
    }
    let (folder, backend) = (Folder::new(), Backend::start(answer));
    let addresses = [(); 2].map(|()| SocketAddr::from(([127, 0, 0, 1], free_port())));
    let text = configuration(&folder, addresses, &backend);
    let text = format!("load_module {MODULE}; events {{ }} {text}");
    let _nginx = Nginx::start(&folder, &text, addresses[1]).unwrap();
    // What looks whether nginx listens gets a call too.
    backend.wait_for(|requests| requests.len() == 1);
    let calls = calls(addresses, &backend, &folder, &|scenario, step| SCENARIOS[scenario].2[step].1);
    let are_counted = |((.., steps), calls): (&Scenario, &Vec<Vec<Call>>)| {
        steps.iter().zip(calls).all(|((_, count), calls)| calls.len() == *count)
    };
    let is_counted = SCENARIOS.iter().zip(&calls).all(are_counted);
    assert!(is_counted, "nginx calls less or more often than written down: {:#?}", lines(&calls));
    Some(calls)
}

/// A line for each call.
fn lines(calls: &[Vec<Vec<Call>>]) -> Vec<String> {
    let mut lines = Vec::new();
    for ((scenario, _, steps), calls) in SCENARIOS.iter().zip(calls) {
        for ((step, _), calls) in steps.iter().zip(calls) {
            for (head, fields) in calls {
                let fields: String =
                    fields.iter().map(|(name, value)| format!(" {name}={value:?}")).collect();
                lines.push(format!("{scenario}, {step:?}: {head}:{fields}"));
            }
        }
    }
    lines
}

/// The calls of each step of each scenario, in an order that does not depend on which comes first. `counts` says how
/// many are to be awaited.
fn calls(
    addresses: [SocketAddr; 2],
    backend: &Backend,
    folder: &Path,
    counts: &dyn Fn(usize, usize) -> usize,
) -> Vec<Vec<Vec<Call>>> {
    let mut seen = backend.requests().len();
    let mut of_scenario = |(number, (_, server, steps)): (usize, &Scenario)| {
        let address = addresses[*server];
        let mut client = Client::new(address);
        let mut id = String::new();
        let mut of_step = |(at, (step, _)): (usize, &(Step, usize))| {
            client.act(*step);
            let count = seen + counts(number, at);
            let requests = backend.wait_for(|requests| requests.len() >= count);
            let mut calls: Vec<_> =
                requests[seen..].iter().map(|request| call(request, address, folder, &mut id)).collect();
            seen = requests.len();
            calls.sort();
            calls
        };
        steps.iter().enumerate().map(&mut of_step).collect()
    };
    SCENARIOS.iter().enumerate().map(&mut of_scenario).collect()
}

/// A call without what differs from run to run. `id` is the session's, once it is known.
fn call(request: &Request, address: SocketAddr, folder: &Path, id: &mut String) -> Call {
    // With connect it would be the client's own argument.
    let mut has_id = request.field("call") == "connect";
    let mut value = |name: &str, value: &str| -> String {
        match name {
            "epoch" if value.parse::<u32>().is_ok() => "MILLISECONDS".into(),
            "time" if ["1", "2"].contains(&value) => "SECONDS".into(),
            "tcurl" => value.replace(&address.to_string(), "ADDRESS"),
            "path" => value.replace(&folder.display().to_string(), "FOLDER"),
            "clientid" if !has_id && (id.is_empty() || *id == value) => {
                assert!(value.parse::<u64>().is_ok(), "{value}");
                has_id = true;
                value.clone_into(id);
                "ID".into()
            }
            _ => value.to_owned(),
        }
    };
    let fields = request.fields.iter().map(|(name, text)| (name.clone(), value(name, text))).collect();
    (format!("{} {}", request.method, request.path()), fields)
}

/// What Millstream is to call, by what nginx called. Each difference must be one.
fn expected(mut calls: Vec<Vec<Vec<Call>>>) -> Vec<Vec<Vec<Call>>> {
    for (name, path, change, why) in DIFFERENCES {
        let number = SCENARIOS.iter().position(|scenario| scenario.0 == *name).unwrap();
        let mut is_one = false;
        for calls in &mut calls[number] {
            calls.retain_mut(|(head, fields)| {
                let is_it = path.is_empty() || head.split(' ').nth(1) == Some(path);
                is_one |= is_it && change.applies(fields);
                !(is_it && matches!(change, Change::Nothing))
            });
            calls.sort();
        }
        assert!(is_one, "nginx does not differ: {name}, {path}: {why}");
    }
    calls
}
