//! An XML document as a tree.

use quick_xml::Reader;
use quick_xml::events::Event;

#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Element {
    pub name: String,
    pub text: String,
    pub children: Vec<Element>,
}

impl Element {
    /// The root of a document, which must be well-formed.
    pub fn parse(document: &str) -> Self {
        let mut reader = Reader::from_str(document);
        reader.config_mut().expand_empty_elements = true;
        let mut open = vec![Self::default()];
        loop {
            match reader.read_event().unwrap_or_else(|error| panic!("{error}: {document}")) {
                Event::Start(start) => {
                    let name = start.name().as_ref().to_owned();
                    open.push(Self { name, ..Self::default() });
                }
                Event::Text(text) => open.last_mut().unwrap().text += text.trim(),
                Event::GeneralRef(entity) => {
                    let text = match entity.resolve_char_ref().unwrap() {
                        Some(character) => character.to_string(),
                        None => {
                            let name = &*entity;
                            quick_xml::escape::resolve_predefined_entity(name).unwrap().to_owned()
                        }
                    };
                    open.last_mut().unwrap().text += &text;
                }
                Event::End(_) => {
                    let done = open.pop().unwrap();
                    open.last_mut().unwrap().children.push(done);
                }
                Event::Eof => break,
                _ => {}
            }
        }
        let mut document = open.pop().unwrap();
        assert_eq!((open.len(), document.children.len()), (0, 1));
        document.children.remove(0)
    }

    /// The children of a name.
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// What is at a path of names, the first of each.
    pub fn at(&self, path: &str) -> Option<&Element> {
        path.split('/')
            .try_fold(self, |element, name| element.children.iter().find(|child| child.name == name))
    }

    /// The text there.
    pub fn text_at(&self, path: &str) -> &str {
        self.at(path).map_or("", |found| &found.text)
    }

    /// A stream of an application.
    pub fn stream(&self, app: &str, name: &str) -> Option<&Element> {
        let is_app = |application: &&Element| application.text_at("name") == app;
        let live =
            self.all("server").flat_map(|server| server.all("application")).find(is_app)?.at("live")?;
        live.all("stream").find(|stream| stream.text_at("name") == name)
    }

    /// The names of the children, in order.
    pub fn names(&self) -> Vec<&str> {
        self.children.iter().map(|child| child.name.as_str()).collect()
    }
}
