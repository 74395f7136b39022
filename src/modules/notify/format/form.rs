//! The format `form`: nginx-rtmp's fields as a form (`application/x-www-form-urlencoded`), in the body of a POST or the
//! query of a GET.

use std::fmt::Write;

use super::arguments::{self, Reserved};
use crate::modules::notify::event::{FieldValue, Occasion};

/// The bytes of most forms.
const USUAL_LENGTH: usize = 256;

/// The form for an event: our fields, and behind them the client's own arguments.
pub fn body(occasion: &Occasion<'_>) -> String {
    encode(occasion, "")
}

/// The form for the query of a GET, to be appended to the target of a URL, which may have a query already: no argument
/// of the client overrides what that one says.
pub fn query(occasion: &Occasion<'_>, target: &str) -> String {
    encode(occasion, target.split_once('?').map_or("", |(_, query)| query))
}

fn encode(occasion: &Occasion<'_>, query: &str) -> String {
    let fields = occasion.fields();
    let mut form = String::with_capacity(USUAL_LENGTH);
    for (name, value) in &fields {
        if !form.is_empty() {
            form.push('&');
        }
        form.push_str(name);
        form.push('=');
        match value {
            FieldValue::Text(text) => arguments::push_escaped(&mut form, text),
            FieldValue::Number(number) => {
                // A String takes all that is written to it.
                let _ = write!(form, "{number}");
            }
        }
    }
    if occasion.own_args().is_empty() {
        return form;
    }
    let reserved = Reserved::new(fields.iter().map(|(name, _)| *name)).and_those_of(query);
    let own = arguments::cleaned(occasion.own_args(), &reserved);
    if !own.is_empty() {
        form.push('&');
        form.push_str(&own);
    }
    form
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::PublishType;
    use crate::modules::notify::event::Event;
    use crate::modules::notify::event::tests::{client, events};
    use crate::modules::notify::facts::ClientFacts;

    const PUBLISH: Event = Event::Publish { kind: PublishType::Live };

    /// What nginx-rtmp sends of the same client.
    const CLIENT: &str = "app=live&flashver=FMLE/3.0%20(compatible%3B%20Lavf59.27&swfurl=\
                          &tcurl=rtmp://192.0.2.1:1935/live&pageurl=&addr=192.0.2.7";

    #[test]
    fn a_form_has_the_bytes_of_nginx_rtmp() {
        let client = client();
        let occasion = |name, args, event| body(&Occasion { client: &client, name, args, event });
        let events = events();
        assert_eq!(occasion("", "", &events[0]), format!("{CLIENT}&epoch=4000000000&call=connect&token=t"));
        assert_eq!(
            occasion("", "", &events[1]),
            format!("{CLIENT}&clientid=7&call=disconnect&app=live&token=t")
        );
        assert_eq!(
            occasion("cam", "key=secret&n", &events[2]),
            format!("{CLIENT}&clientid=7&call=publish&name=cam&type=live&key=secret&n")
        );
        assert_eq!(
            occasion("cam", "", &events[9]),
            format!("{CLIENT}&clientid=7&call=record_done&recorder=all&name=cam&path=/rec/cam.flv")
        );
    }

    #[test]
    fn a_text_of_a_client_stays_in_its_field() {
        // As measured with nginx-rtmp 1.2.2.
        let client = ClientFacts { tc_url: "rtmp://127.0.0.1:19351/live?x=y&u=a%20b".into(), ..client() };
        let name = "a b/c:d%e&f;g=h+iü~";
        let form = body(&Occasion { client: &client, name, args: "", event: &PUBLISH });
        assert!(form.contains("&tcurl=rtmp://127.0.0.1:19351/live%3Fx=y%26u=a%2520b&pageurl=&"), "{form}");
        assert!(form.ends_with("&name=a%20b/c:d%25e%26f%3Bg=h%2Bi%C3%BC~&type=live"), "{form}");
    }

    #[test]
    fn arguments_that_nginx_rtmp_passes_on_as_they_come_harm_nobody() {
        let args = "x&name=other&&addr=1.2.3.4&sp=a b&nl=\r\nX: y&pl=a+b&pc=%zz&u=ü?q=2#f";
        let client = client();
        let form = body(&Occasion { client: &client, name: "a", args, event: &PUBLISH });
        let expected = "x&sp=a%20b&nl=%0D%0AX:%20y&pl=a+b&pc=%25zz&u=%C3%BC?q=2%23f";
        assert_eq!(form, format!("{CLIENT}&clientid=7&call=publish&name=a&type=live&{expected}"));
    }

    #[test]
    fn only_the_fields_of_the_event_are_protected() {
        let client = client();
        let form = |event| body(&Occasion { client: &client, name: "cam", args: "path=a&name=b", event });
        assert!(form(&PUBLISH).ends_with("&type=live&path=a"));
        assert!(form(&events()[9]).ends_with("&path=/rec/cam.flv"));
    }

    #[test]
    fn an_argument_does_not_override_what_the_query_of_a_url_says() {
        let client = client();
        let occasion = Occasion { client: &client, name: "cam", args: "x=other&key=1", event: &Event::Done };
        let form = format!("{CLIENT}&clientid=7&call=done&name=cam");
        for (target, own) in [
            ("/auth", "x=other&key=1"),
            ("/auth?", "x=other&key=1"),
            ("/auth?x=y", "key=1"),
            ("/auth?a&X[]=y&", "key=1"),
        ] {
            assert_eq!(query(&occasion, target), format!("{form}&{own}"));
        }
    }
}
