namespace EdgeProxy.StaticFiles;

/// <summary>A path that is served from disk.</summary>
internal sealed class StaticFilesOptions : FilesOptions
{
    /// <summary>The path prefix in any letter case, e.g. <c>/static</c>; with a slash at its end the path without it is not of this entry.
    /// Required.</summary>
    public string? Path { get; set; }

    /// <summary>Whether a file that is asked for below <see cref="Path"/> in other letters (<c>/Static/a.css</c>) is 404. Default false.</summary>
    public bool ExactCase { get; set; }
}
