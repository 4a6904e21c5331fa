using EdgeProxy.CaddyImport.Syntax;

namespace EdgeProxy.CaddyImport.Routes;

/// <summary>A <c>file_server</c> of errors.</summary>
/// <param name="Root">Null: that of the block.</param>
/// <param name="Status">Null: that of the error.</param>
internal sealed record ErrorFiles(string? Root, int? Status)
{
    /// <returns>Null: it has something else.</returns>
    public static ErrorFiles? Read(Statement line)
    {
        var read = new ErrorFiles(null, null);
        foreach (var option in line.Block ?? [])
        {
            switch (option)
            {
                case { Name.Text: "root", Arguments: [var directory] }:
                    read = read with { Root = directory.Text };
                    break;
                case { Name.Text: "status", Arguments: [{ Text: "{err.status_code}" or "{http.error.status_code}" }] }:
                    break;
                case { Name.Text: "status", Arguments: [var code] } when StatusMatcher.OfArgument(code.Text) is [var status]:
                    read = read with { Status = status };
                    break;
                case { Name.Text: "precompressed" or "index" }:
                    break; // error pages are files, and sent as they are
                default:
                    return null;
            }
        }

        return read;
    }
}
