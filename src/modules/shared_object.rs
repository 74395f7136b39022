//! Shared objects (RTMP specification 7.1.3): named attributes that the clients of an application keep
//! in step with each other.
//!
//! An object lives in memory, from its first user to its last. The last to set an attribute wins; the
//! version, which each message of changes raises by one, is sent and never compared. Objects that are to
//! outlive their users are refused, not quietly forgotten: there is nowhere they would be kept.

use std::any::Any;
use std::collections::BTreeMap;

use crate::conf::{self, Acts, Context, Directive, Repeat, Takes};
use crate::engine::{
    AppId, Application, ByApp, Change, Config, Ctx, Encoding, Module, RawValue, SessionId, SharedObject,
};

const DIRECTIVES: &[Directive] = &[Directive {
    name: "shared_objects",
    contexts: Context::APPLICATIONS,
    takes: Takes::Flag,
    default: "off",
    repeat: Repeat::Once,
    acts: Acts::AtOnce,
    doc: "Whether clients may use RTMP shared objects. They are kept in memory while a client uses them.",
}];

/// Objects in an application: rooms of a chat. With [`MAX_BYTES`] each they hold 8 MiB.
const MAX_OBJECTS: usize = 128;

/// Users of an object. A message of one is sent to all, so this is the factor by which the server multiplies it.
const MAX_USERS: usize = 256;

/// Attributes of an object: one for each of its users.
const MAX_ATTRIBUTES: usize = MAX_USERS;

/// Bytes of an object's names and values. A newcomer is sent all of them in one message.
const MAX_BYTES: usize = 64 * 1024;

/// The longest name of an object, bytes; longer ones are nobody's.
const MAX_NAME: usize = 255;

/// Objects that one session uses. Each adds to what may wait for it.
const MAX_PER_SESSION: usize = 16;

/// Bytes that may wait for a session for each object: all of it, with what comes around the values or
/// when they are written anew in AMF0, and then a burst of changes.
const ROOM: usize = 3 * MAX_BYTES;

#[derive(Debug, Default)]
pub struct SharedObjects {
    apps: ByApp<App>,
    /// The application of each session that uses objects, and their names. Invariant: as the objects' users
    /// have it, and never without a name.
    sessions: BTreeMap<SessionId, (AppId, Vec<Vec<u8>>)>,
}

#[derive(Debug, Default)]
struct App {
    on: bool,
    objects: BTreeMap<Vec<u8>, Object>,
}

/// An object. Invariant: it has users.
#[derive(Debug, Default)]
struct Object {
    version: u32,
    users: Vec<User>,
    attributes: BTreeMap<Vec<u8>, RawValue>,
    /// Of all names and values.
    bytes: usize,
}

#[derive(Debug, Clone, Copy)]
struct User {
    session: SessionId,
    /// That of its `Use`: a client chooses for each object.
    encoding: Encoding,
}

/// The outcome of a message.
#[derive(Debug, Default)]
struct Answers {
    /// The sender is sent all attributes, and why: at most an answer to `Use` and a refusal.
    state: Vec<Change>,
    /// For the sender.
    own: Vec<Change>,
    /// For the object's other users.
    others: Vec<Change>,
    changed: bool,
}

impl Module for SharedObjects {
    fn name(&self) -> &'static str {
        "shared_object"
    }

    fn directives(&self) -> &'static [Directive] {
        DIRECTIVES
    }

    fn configure(&mut self, config: &Config<'_>) -> Result<(), conf::Errors> {
        let read = |app: &Application<'_>| App { on: app.scope.flag("shared_objects"), ..App::default() };
        self.apps = config.applications.iter().map(|app| (app.id, read(app))).collect();
        Ok(())
    }

    fn adopt(&mut self, cx: &mut Ctx, next: Box<dyn Any>) {
        let Ok(next) = next.downcast::<Self>() else { return };
        for (id, next) in next.apps.into_entries() {
            if !next.on {
                self.drop_objects(cx, id);
            }
            match self.apps.get_mut(id) {
                Some(app) => app.on = next.on,
                None => self.apps.insert(id, next),
            }
        }
    }

    fn release_app(&mut self, _cx: &mut Ctx, app: AppId) {
        self.apps.release(app);
    }

    fn on_shared_object(&mut self, cx: &mut Ctx, session: SessionId, app: AppId, message: &SharedObject) {
        let name = message.name.escape_ascii();
        if !self.apps.get(app).is_some_and(|app| app.on) {
            return log::debug!("{session} shared object {name}: shared_objects is off here");
        }
        let mut answers = Answers::default();
        if message.persistent {
            // The flag tells which of two objects of a name is meant, so it has to come back.
            if message.events.contains(&Change::Use) {
                log::debug!("{session} shared object {name} refused: persistent");
                answers.own.push(refusal("SharedObject.BadPersistence"));
                send(cx, &[User { session, encoding: message.encoding }], message, 0, answers.own);
            }
            return;
        }
        // A client that comes and goes within one message is sent all attributes only once.
        let mut asked = false;
        for event in &message.events {
            match event {
                Change::Use if !asked => {
                    asked = true;
                    self.join(cx, User { session, encoding: message.encoding }, app, message, &mut answers);
                }
                Change::Release => self.leave(cx, session, &message.name),
                event => {
                    let object = self.object_mut(app, &message.name);
                    if let Some(object) = object.filter(|object| object.is_used_by(session)) {
                        object.apply(event, &mut answers);
                    }
                }
            }
        }
        self.deliver(cx, User { session, encoding: message.encoding }, app, message, answers);
    }

    fn on_close(&mut self, _cx: &mut Ctx, session: SessionId) {
        let Some((app, names)) = self.sessions.remove(&session) else { return };
        for name in names {
            self.remove_user(app, session, &name);
        }
    }
}

impl SharedObjects {
    /// Drops the objects of an application where they are off from now on, with their users.
    fn drop_objects(&mut self, cx: &mut Ctx, app: AppId) {
        if let Some(app) = self.apps.get_mut(app) {
            app.objects.clear();
        }
        self.sessions.retain(|session, (other, _)| {
            if *other == app {
                cx.set_shared_object_room(*session, 0);
            }
            *other != app
        });
    }

    /// Makes a session a user of an object, which is created for the first; a second `Use` changes nothing.
    fn join(&mut self, cx: &mut Ctx, user: User, app: AppId, message: &SharedObject, answers: &mut Answers) {
        let (session, name) = (user.session, &message.name);
        let Some(objects) = self.apps.get_mut(app).map(|app| &mut app.objects) else { return };
        let used = self.sessions.get(&session).map_or(0, |(_, names)| names.len());
        let refused = match objects.get(name) {
            Some(object) if object.is_used_by(session) => return,
            Some(object) if object.users.len() >= MAX_USERS => Some("SharedObject.NoReadAccess"),
            _ if used >= MAX_PER_SESSION => Some("SharedObject.NoReadAccess"),
            None if objects.len() >= MAX_OBJECTS || name.len() > MAX_NAME => {
                Some("SharedObject.ObjectCreationFailed")
            }
            _ => None,
        };
        if let Some(code) = refused {
            log::debug!("{session} shared object {} refused: {code}", name.escape_ascii());
            return answers.own.push(refusal(code));
        }
        let object =
            objects.entry(name.clone()).or_insert_with(|| Object { version: 1, ..Object::default() });
        object.users.push(user);
        answers.state.push(Change::UseSuccess);
        self.sessions.entry(session).or_insert_with(|| (app, Vec::new())).1.push(name.clone());
        cx.set_shared_object_room(session, (used + 1) * ROOM);
        log::debug!("{session} uses shared object {}", name.escape_ascii());
    }

    fn leave(&mut self, cx: &mut Ctx, session: SessionId, name: &[u8]) {
        let Some((app, names)) = self.sessions.get_mut(&session) else { return };
        let (app, before) = (*app, names.len());
        names.retain(|used| used != name);
        let left = names.len();
        if left == before {
            return;
        }
        if left == 0 {
            self.sessions.remove(&session);
        }
        self.remove_user(app, session, name);
        cx.set_shared_object_room(session, left * ROOM);
        log::debug!("{session} releases shared object {}", name.escape_ascii());
    }

    /// Takes a user off an object; the object goes with the last.
    fn remove_user(&mut self, app: AppId, session: SessionId, name: &[u8]) {
        let Some(objects) = self.apps.get_mut(app).map(|app| &mut app.objects) else { return };
        if let Some(object) = objects.get_mut(name) {
            object.users.retain(|user| user.session != session);
            if object.users.is_empty() {
                objects.remove(name);
            }
        }
    }

    fn object_mut(&mut self, app: AppId, name: &[u8]) -> Option<&mut Object> {
        self.apps.get_mut(app)?.objects.get_mut(name)
    }

    /// Sends what a message has led to: one message to its sender, one to every other user.
    fn deliver(&mut self, cx: &mut Ctx, sender: User, app: AppId, message: &SharedObject, answers: Answers) {
        let Answers { mut state, own, others, changed } = answers;
        let (mut version, mut users) = (message.version, Vec::new());
        if let Some(object) = self.object_mut(app, &message.name) {
            object.version = object.version.wrapping_add(u32::from(changed));
            version = object.version;
            if !state.is_empty() {
                state.push(Change::Clear);
                let attributes = object.attributes.iter();
                state.extend(attributes.map(|(name, value)| Change::Change(name.clone(), value.clone())));
            }
            users.extend(object.users.iter().filter(|user| user.session != sender.session));
        }
        state.extend(own);
        send(cx, &[sender], message, version, state);
        send(cx, &users, message, version, others);
    }
}

impl Object {
    fn is_used_by(&self, session: SessionId) -> bool {
        self.users.iter().any(|user| user.session == session)
    }

    /// Does what one of its users asks.
    fn apply(&mut self, event: &Change, answers: &mut Answers) {
        match event {
            // Setting nothing deletes, as Flash's setProperty has it.
            Change::RequestChange(name, value) if value.is_nothing() => {
                answers.own.push(Change::Success(name.clone()));
                if self.remove(name) {
                    answers.changed = true;
                    answers.others.push(Change::Remove(name.clone()));
                }
            }
            Change::RequestChange(name, value) => {
                if self.set(name, value) {
                    answers.changed = true;
                    answers.own.push(Change::Success(name.clone()));
                    answers.others.push(Change::Change(name.clone(), value.clone()));
                } else {
                    // It believes to have set it, so it is sent the attribute as it is.
                    let refusal = refusal("SharedObject.NoWriteAccess");
                    if !answers.state.contains(&refusal) {
                        answers.state.push(refusal);
                    }
                }
            }
            Change::RequestRemove(name) => {
                answers.own.push(Change::Remove(name.clone()));
                if self.remove(name) {
                    answers.changed = true;
                    answers.others.push(Change::Remove(name.clone()));
                }
            }
            Change::Clear => {
                self.attributes.clear();
                self.bytes = 0;
                answers.changed = true;
                answers.own.push(Change::Clear);
                answers.others.push(Change::Clear);
            }
            Change::SendMessage(_) => {
                answers.own.push(event.clone());
                answers.others.push(event.clone());
            }
            // The server's own words.
            _ => {}
        }
    }

    /// Sets an attribute, unless the object would grow too large.
    fn set(&mut self, name: &[u8], value: &RawValue) -> bool {
        let old = self.attributes.get(name).map(|old| name.len() + old.bytes().len());
        let bytes = self.bytes - old.unwrap_or(0) + name.len() + value.bytes().len();
        if bytes > MAX_BYTES || (old.is_none() && self.attributes.len() >= MAX_ATTRIBUTES) {
            return false;
        }
        self.bytes = bytes;
        self.attributes.insert(name.to_vec(), value.clone());
        true
    }

    fn remove(&mut self, name: &[u8]) -> bool {
        let Some(value) = self.attributes.remove(name) else { return false };
        self.bytes -= name.len() + value.bytes().len();
        true
    }
}

fn refusal(code: &str) -> Change {
    Change::Status(code.into(), b"error".to_vec())
}

/// Sends events about the object of `message` to users, written once for each encoding.
fn send(cx: &mut Ctx, users: &[User], message: &SharedObject, version: u32, events: Vec<Change>) {
    if events.is_empty() {
        return;
    }
    let &SharedObject { encoding, persistent, .. } = message;
    let answer = SharedObject { encoding, name: message.name.clone(), version, persistent, events };
    for encoding in [Encoding::Amf0, Encoding::Amf3] {
        let mut addressed = users.iter().filter(|user| user.encoding == encoding).peekable();
        if addressed.peek().is_some() {
            let payload = answer.payload(encoding);
            addressed.for_each(|user| cx.send_shared_object(user.session, encoding, &payload));
        }
    }
}
