namespace EdgeProxy.Proxying;

/// <summary>Path prefixes of the settings, compared by whole segments and without letter case.</summary>
internal sealed class PathPrefixes(IEnumerable<string>? prefixes)
{
    private readonly PathString[] _prefixes = [.. (prefixes ?? []).Select(path => new PathString(path.TrimEnd('/')))];

    public bool Cover(PathString path)
    {
        foreach (var prefix in _prefixes)
        {
            if (path.StartsWithSegments(prefix))
            {
                return true;
            }
        }

        return false;
    }
}
