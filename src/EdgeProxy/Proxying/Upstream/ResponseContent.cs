using System.Net;

namespace EdgeProxy.Proxying.Upstream;

/// <summary>What <see cref="HttpResponseMessage"/> wants around a body.</summary>
internal sealed class ResponseContent(UpstreamExchange exchange) : HttpContent, IResponseSource
{
    private Stream? _body;

    public bool IsLong => _body is ResponseBody { IsLong: true };

    public Stream Body
    {
        get => _body ?? throw new InvalidOperationException("the head of the response has not come");
        set => _body = value;
    }

    /// <summary>The head has been read: there is a body, or an exchange that is over.</summary>
    public void Begin(HttpResponseMessage response, in ResponseHead head, ResponseFraming framing)
    {
        if (head.NamesHeaders)
        {
            ResponseConnectionOptions.Drop(response);
        }

        if (framing == ResponseFraming.Upgraded)
        {
            _body = new UpgradedStream(exchange);
            return;
        }

        var body = new ResponseBody(exchange, response, framing, head.Length);
        _body = body;
        if (framing == ResponseFraming.None)
        {
            body.CompleteEmpty();
        }
    }

    protected override Task<Stream> CreateContentReadStreamAsync() => Task.FromResult(Body);

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        var body = await CreateContentReadStreamAsync();
        await body.CopyToAsync(stream, cancellationToken);
    }

    protected override bool TryComputeLength(out long length)
    {
        length = 0;
        return false;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _body?.Dispose();
        }

        base.Dispose(disposing);
    }
}
