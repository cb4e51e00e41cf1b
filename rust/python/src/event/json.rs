//! Events as JSON, written without Python.

use std::fmt::Write;

use super::{Event, Failure, SCHEMA};
use crate::snapshot::{write_json_float, write_json_string};

impl Event {
    /// About how many bytes its JSON takes.
    pub(super) fn json_size(&self) -> usize {
        768 + 2 * self.values.size()
    }

    /// Appends the event as one JSON object on one line.
    pub(super) fn write_json(&self, out: &mut String) {
        let origin = &*self.origin;
        let _ = write!(out, "{{\"schema\":{SCHEMA},\"id\":");
        write_json_string(out, &self.id());
        out.push_str(",\"timestamp\":");
        write_json_float(out, self.timestamp);
        for (name, text) in [
            (",\"program\":", &*origin.program),
            (",\"probe\":", &*origin.probe),
            (",\"target\":", &*origin.target),
            (",\"function\":", &*origin.function),
            (",\"point\":", &*origin.moment.point()),
        ] {
            out.push_str(name);
            write_json_string(out, text);
        }
        out.push_str(",\"request_id\":");
        write_optional(out, self.request_id());
        out.push_str(",\"request\":");
        self.write_request(out);
        let _ = write!(
            out,
            ",\"process\":{},\"thread\":{},\"values\":",
            self.runner.process, self.runner.thread
        );
        self.values.write_json(out);
        out.push_str(",\"errors\":");
        self.write_errors(out);
        out.push_str(",\"kind\":");
        write_json_string(out, origin.moment.kind());
        for (name, text) in origin.resource.fields() {
            write_field(out, name, text);
        }
        write_field(out, "thread_name", self.runner.thread_name.as_deref());
        write_field(out, "task", self.context.task.as_deref());
        write_field(out, "trace_id", self.context.trace_text().as_deref());
        write_field(out, "span_id", self.context.span_text().as_deref());
        out.push('}');
    }

    /// Appends what is known of the request, as an object.
    pub(super) fn write_request(&self, out: &mut String) {
        match &self.request {
            Some(request) => request.shown().write_json(out),
            None => out.push_str("{}"),
        }
    }

    /// Appends what could not be captured, as an array.
    pub(super) fn write_errors(&self, out: &mut String) {
        out.push('[');
        for (index, error) in self.errors.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            write_error(out, error);
        }
        out.push(']');
    }
}

fn write_error(out: &mut String, error: &Failure) {
    out.push_str("{\"field\":");
    write_optional(out, error.field.as_deref());
    out.push_str(",\"kind\":");
    write_json_string(out, &error.kind);
    out.push_str(",\"message\":");
    write_json_string(out, &error.message);
    for (name, number) in [(",\"line\":", error.line), (",\"column\":", error.column)] {
        out.push_str(name);
        match number {
            Some(number) => _ = write!(out, "{number}"),
            None => out.push_str("null"),
        }
    }
    out.push('}');
}

fn write_field(out: &mut String, name: &str, text: Option<&str>) {
    let _ = write!(out, ",\"{name}\":");
    write_optional(out, text);
}

fn write_optional(out: &mut String, text: Option<&str>) {
    match text {
        Some(text) => write_json_string(out, text),
        None => out.push_str("null"),
    }
}
