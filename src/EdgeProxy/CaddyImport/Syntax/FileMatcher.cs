namespace EdgeProxy.CaddyImport.Syntax;

/// <summary>The matcher <c>file</c>: whether something is on the disk (modules/caddyhttp/fileserver/matcher.go of Caddy, 2.6).</summary>
/// <param name="Root">Null: that of <c>root</c> before the directive.</param>
/// <param name="Files">Below the root; empty: the path of the request.</param>
/// <param name="Other">A line that is none of these; null: there is none.</param>
internal sealed record FileMatcher(Token? Root, IReadOnlyList<Token> Files, Statement? Other)
{
    /// <param name="line">With or without a block.</param>
    public static FileMatcher Read(Statement line)
    {
        var (root, files, other) = ((Token?)null, line.Arguments.ToList(), (Statement?)null);
        foreach (var option in line.Block ?? [])
        {
            switch (option)
            {
                case { Name.Text: "root", Arguments: [var directory], Block: null }:
                    root = directory;
                    break;
                case { Name.Text: "try_files", Arguments.Length: > 0, Block: null }:
                    files.AddRange(option.Arguments);
                    break;
                case { Name.Text: "try_policy", Arguments: [{ Text: "first_exist" }], Block: null }:
                    break; // so it is without it
                default:
                    other ??= option;
                    break;
            }
        }

        return new FileMatcher(root, files, other);
    }

    /// <summary>All that it says.</summary>
    public override string ToString() => $"{Root?.Text}\0{string.Join('\0', Files.Select(file => file.Text))}";
}
