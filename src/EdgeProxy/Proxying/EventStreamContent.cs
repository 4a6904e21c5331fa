using EdgeProxy.Http;
using EdgeProxy.Slots;

namespace EdgeProxy.Proxying;

/// <summary>The body of a response that goes on, which ends between two events when it is told to, with a normal end of body: <c>EventSource</c> just comes
/// back.</summary>
internal sealed class EventStreamContent : FilteredContent
{
    private readonly RequestCancellation _life;
    private readonly CancellationToken _due;
    private readonly bool _isJsonLines;

    private EventStreamContent(HttpContent app, RequestCancellation life, CancellationToken due)
        : base(app)
    {
        _life = life;
        _due = due;
        _isJsonLines = app.Headers.ContentType?.MediaType is { } type && type.EndsWith("ndjson", StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>Counts the request as a stream, and lets its response end in order.</summary>
    /// <remarks>An encoded body shows no events, and one of a stated length must keep to it: these are cut at their deadline.</remarks>
    public static void EndBetweenEvents(HttpResponseMessage response, RequestCancellation life)
    {
        var headers = response.Content.Headers;
        if (headers.ContentEncoding.Count > 0 || headers.ContentLength is not null)
        {
            life.Follow(LeaseClass.Stream);
            return;
        }

        response.Content = new EventStreamContent(response.Content, life, life.EndInOrder(LeaseClass.Stream));
    }

    protected override Stream Filter(Stream app) => new Body(app, _life, _isJsonLines, _due);

    private sealed class Body(Stream app, RequestCancellation life, bool isJsonLines, CancellationToken due) : AsyncStream
    {
        private EventBoundary _events = new(isJsonLines);
        private CancellationTokenSource? _untilDue;
        private bool _isOver;

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (_isOver || (_events.IsBetween && due.IsCancellationRequested))
            {
                return End();
            }

            // The forwarder passes the same token at every read.
            _untilDue ??= CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, due);
            int count;
            try
            {
                count = await app.ReadAsync(buffer, _events.IsBetween ? _untilDue.Token : cancellationToken);
            }
            catch (OperationCanceledException) when (due.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
            {
                return End();
            }

            var whole = _events.All(buffer.Span[..count]);
            _isOver = due.IsCancellationRequested && whole > 0;
            return _isOver ? whole : count;
        }

        private int End()
        {
            life.NoteOrderlyEnd();
            return 0;
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                _untilDue?.Dispose();
                app.Dispose();
            }

            base.Dispose(disposing);
        }
    }
}
