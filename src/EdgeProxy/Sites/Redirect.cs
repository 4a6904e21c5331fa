using EdgeProxy.Sites.Placeholders;

namespace EdgeProxy.Sites;

/// <summary>Sends clients elsewhere.</summary>
/// <param name="options">Checked.</param>
internal sealed class Redirect(RedirectOptions options)
{
    private readonly Template _to = Template.Parse(options.To!);

    /// <summary>The settings name another host without its scheme (<c>//cdn.example.com/</c>).</summary>
    private readonly bool _isToAuthority = options.To!.StartsWith("//", StringComparison.Ordinal);

    /// <summary>It would be a place relative to the path, or <c>https:/evil.example</c>, without a slash before it.</summary>
    private readonly bool _beginsWithCapture = options.To!.StartsWith("{re.", StringComparison.Ordinal);

    public Task RespondAsync(HttpContext context, SiteRequest request)
    {
        context.Response.StatusCode = options.Status;
        context.Response.Headers.Location = Location(request.Current);
        return Task.CompletedTask;
    }

    /// <remarks>
    /// A path that begins with two slashes is the name of a host to a browser (RFC 3986 section 4.2), and a client may ask for one: <c>{uri}</c> of
    /// <c>//evil.example/</c> would lead there. So those become one, unless the settings have them.
    /// </remarks>
    internal string Location(in RequestWords request)
    {
        var location = _to.Expand(request, Escaping.Url);
        location = _beginsWithCapture ? $"/{location}" : location;
        return _isToAuthority || !location.StartsWith("//", StringComparison.Ordinal) ? location : $"/{location.TrimStart('/')}";
    }
}
