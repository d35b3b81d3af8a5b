
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, INVALID_SPAN, set_span_in_context
from opentelemetry.context import Context
SPAN_KEY = next(iter(set_span_in_context(INVALID_SPAN, Context())))
class RequestSpan(NonRecordingSpan):
    def __init__(self, trace_id, span_id, sampled, state):
        self.trace_id=trace_id; self.span_id=span_id; self.sampled=sampled; self.state=state
    def get_span_context(self):
        return SpanContext(self.trace_id,self.span_id,False,TraceFlags(1 if self.sampled else 0),self.state)
