//! How each request is answered: by calls, or by what the driver knows.

use api::{Call, Outcome, SessionId};
use http::{
    Pending, Problem, Question, Request, Response, SESSION_HEADER, SLOPPY_HEADER, Session, Step,
    TextFormat, begin, finish,
};

use super::walking::Walk;
use super::{Http, health, metrics};
use crate::caller::Answered;
use crate::{clock, predicting, repairing, tracing};

/// Says in a response that stand-ins for owners took part in it.
fn marked(response: Response, is_sloppy: bool) -> Response {
    if is_sloppy { response.with(SLOPPY_HEADER, "true") } else { response }
}

impl Http {
    /// Answers one request; nothing when a stream of events is wanted.
    pub(super) async fn respond(
        &self,
        request: &Request,
        certified: Option<&str>,
    ) -> Option<Response> {
        let step = begin(request, self.guard, clock::now());
        if let Err(problem) = self.admit(request, &step, certified).await {
            return Some(problem.response());
        }
        Some(match step {
            Step::Reply(response) => response,
            Step::Ask(Question::Watch) => return None,
            Step::Ask(question) => self.answer(question).await,
            Step::Calls { calls, pending, session: Some(session) } => {
                self.call_in_session(session, calls, pending).await
            }
            Step::Calls { calls, pending, session: None } => {
                let Some((outcomes, is_sloppy)) = self.call_all(calls).await else {
                    return Some(Problem::not_ready("the node stops").response());
                };
                marked(finish(pending, outcomes), is_sloppy)
            }
        })
    }

    /// Makes calls in a session, which ends here and goes on with the token in the response.
    async fn call_in_session(
        &self,
        session: Session,
        calls: Vec<Call>,
        pending: Pending,
    ) -> Response {
        let id = SessionId(self.caller.new_id());
        let node = &self.describer.node;
        if let Session::Known(token) = session
            && let Err(error) = node.borrow_mut().adopt_token(id, &token)
        {
            return Problem::bad_session(error).response();
        }
        let calls = calls.into_iter().map(|call| Call { session: Some(id), ..call });
        let Some((outcomes, is_sloppy)) = self.call_all(calls).await else {
            return Problem::not_ready("the node stops").response();
        };
        let token = node.borrow().session_token(id);
        node.borrow_mut().end_session(id);
        marked(finish(pending, outcomes), is_sloppy).with(SESSION_HEADER, token.to_string())
    }

    /// Makes calls one after the other; says too whether stand-ins took part in any.
    async fn call_all(
        &self,
        calls: impl IntoIterator<Item = Call>,
    ) -> Option<(Vec<Outcome>, bool)> {
        let (mut outcomes, mut is_any_sloppy) = (Vec::new(), false);
        for call in calls {
            let Answered { outcome, is_sloppy, .. } = self.caller.call(call).await?;
            outcomes.push(outcome);
            is_any_sloppy |= is_sloppy;
        }
        Some((outcomes, is_any_sloppy))
    }

    async fn answer(&self, question: Question) -> Response {
        match question {
            Question::Live => health::live(),
            Question::Ready => health::ready(&self.describer, self.is_closing.get()),
            Question::Metrics(format) => self.metrics(format),
            Question::Trace { keyspace, key } => {
                tracing::trace(&self.neighbours, &self.describer, keyspace, &key).await
            }
            Question::Predict => {
                let seen = self.describer.introspect();
                Response::json(200, &predicting::describe(&self.describer.config, &seen))
            }
            Question::Keys { keyspace, level, from, limit } => {
                self.walk(Walk { keyspace, level, from, limit }).await
            }
            Question::AcceptLosses { shard } => repairing::accept(&self.describer, shard),
            Question::BeginRepair { shards } => repairing::begin(&self.describer, shards.as_ref()),
            Question::Repairs => repairing::list(&self.describer),
            Question::Repair { id } => repairing::look(&self.describer, id),
            Question::Cluster => Response::json(200, &self.cluster().await),
            Question::Convergence | Question::Watch => {
                Response::json(200, &self.convergence().await)
            }
            Question::Node => Response::json(200, &self.describer.describe()),
        }
    }

    fn metrics(&self, format: TextFormat) -> Response {
        let text = metrics::text(format, &self.describer, self.connections_count.get());
        Response::new(200, format.media(), text.into_bytes())
    }
}
