namespace EdgeProxy.Importing;

/// <summary>Where something stands. Shown as <c>FILE:LINE</c>.</summary>
/// <param name="File">As the user named it, or as an <c>import</c> led to it.</param>
/// <param name="Line">From 1; 0: the file as a whole.</param>
internal readonly record struct SourceLine(string File, int Line)
{
    public override string ToString() => Line == 0 ? File : string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{File}:{Line}");
}
