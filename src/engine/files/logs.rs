//! The log files of all modules: which are open, those of another configuration, and opening them again.

use crate::conf;
use crate::engine::files::log_file::{NewLogs, OpenLogs};
use crate::engine::jobs::JobOwner;
use crate::engine::module::Module;
use crate::engine::now::Now;
use crate::engine::{Engine, time_zone};

impl Engine {
    /// The logs that the modules have open.
    pub fn open_logs(&self) -> OpenLogs {
        let mut open = OpenLogs::default();
        self.modules.iter().for_each(|module| open.extend(module.open_logs()));
        open
    }

    /// Has the modules open their log files for an engine that will be adopted, except those that the running one has
    /// open.
    pub fn open_new_logs(&self, running: &OpenLogs) -> Result<NewLogs, conf::Errors> {
        let (mut faults, mut opened) = (conf::Faults::default(), NewLogs::default());
        for module in &self.modules {
            opened.extend(faults.keep_or_default(module.open_new_logs(running)));
        }
        faults.into_result(opened)
    }

    /// Gives the modules the log files that have been opened for the same configuration.
    pub fn take_new_logs(&mut self, mut opened: NewLogs) {
        self.modules.iter_mut().for_each(|module| module.take_new_logs(&mut opened));
    }

    /// Has the modules open their log files again.
    pub fn reopen(&mut self, now: Now) {
        self.cx.now = now;
        self.cx.jobs.write_always(JobOwner::Module { name: "engine", token: 0 }, 0, || {
            time_zone::read();
            None::<()>
        });
        self.each_module(Module::on_reopen);
    }
}
