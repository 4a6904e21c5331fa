using System.Net;

namespace EdgeProxy.Http;

/// <summary>The body of a response on its way through the proxy, changed as it is read. Its length is not known in advance.</summary>
internal abstract class FilteredContent : HttpContent
{
    private readonly HttpContent _app;

    protected FilteredContent(HttpContent app)
    {
        _app = app;
        foreach (var header in app.Headers.NonValidated)
        {
            Headers.TryAddWithoutValidation(header.Key, header.Value);
        }
    }

    /// <summary>The content below those that change it.</summary>
    public static HttpContent SourceOf(HttpContent content)
    {
        while (content is FilteredContent filtered)
        {
            content = filtered._app;
        }

        return content;
    }

    /// <summary>The changed body. Called once.</summary>
    /// <param name="app">Owned by the result.</param>
    protected abstract Stream Filter(Stream app);

    protected sealed override async Task<Stream> CreateContentReadStreamAsync(CancellationToken cancellationToken) =>
        Filter(await _app.ReadAsStreamAsync(cancellationToken));

    protected sealed override Task<Stream> CreateContentReadStreamAsync() => CreateContentReadStreamAsync(CancellationToken.None);

    protected sealed override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
    {
        await using var body = await CreateContentReadStreamAsync();
        await body.CopyToAsync(stream);
    }

    protected sealed override bool TryComputeLength(out long length)
    {
        length = 0;
        return false;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _app.Dispose();
        }

        base.Dispose(disposing);
    }
}
