namespace EdgeProxy.Proxying.RateLimiting;

/// <summary>The path that limits are looked up for.</summary>
internal static class RatedPath
{
    /// <summary>The path that the app is asked for: a route may have changed it.</summary>
    public static PathString Of(HttpContext context) =>
        context.Features.Get<IRewrittenRequest>() is { IsRewritten: true, Target: var target }
            && Uri.TryCreate($"http://app{target}", UriKind.Absolute, out var uri)
            ? Of(new PathString(Uri.UnescapeDataString(uri.AbsolutePath))) // without dot segments, as Kestrel has it
            : Of(context.Request.Path);

    /// <summary>
    /// Kestrel leaves <c>%2F</c> as it is, which apps decode (PEP 3333: <c>PATH_INFO</c> is decoded), and some take two slashes for one. Whichever way a path
    /// is written, the limit of what it may reach holds.
    /// </summary>
    public static PathString Of(PathString path)
    {
        var text = path.Value ?? "";
        if (text.Contains("%2F", StringComparison.OrdinalIgnoreCase))
        {
            text = text.Replace("%2F", "/", StringComparison.OrdinalIgnoreCase);
        }

        while (text.Contains("//", StringComparison.Ordinal))
        {
            text = text.Replace("//", "/", StringComparison.Ordinal);
        }

        return new PathString(text);
    }
}
