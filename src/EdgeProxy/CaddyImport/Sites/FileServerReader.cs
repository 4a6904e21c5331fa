using EdgeProxy.CaddyImport.Routes;
using EdgeProxy.CaddyImport.Syntax;
using EdgeProxy.Importing;

namespace EdgeProxy.CaddyImport.Sites;

/// <summary><c>file_server</c>.</summary>
internal static class FileServerReader
{
    public static FilesStep Read(Statement directive, PathMatcher matcher, Token[] arguments, ImportRemarks remarks)
    {
        string? root = null;
        var index = FilesReader.IndexNames;
        foreach (var argument in arguments)
        {
            remarks.Problem(argument.At, argument.Text == "browse" ? Browse : $"'{argument.Text}' is not understood behind file_server");
        }

        foreach (var option in directive.Block ?? [])
        {
            switch (option.Name.Text)
            {
                case "root" when option.Arguments is [var path]:
                    root = path.Text;
                    break;
                case "precompressed" or "etag_file_extensions":
                    break; // sidecars are used wherever they lie
                case "hide":
                    foreach (var name in option.Arguments.Where(name => !name.Text.StartsWith('.')))
                    {
                        remarks.Problem(
                            name.At,
                            $"hide {name.Text} cannot be translated: EdgeProxy hides names that begin with a dot, and serves all others; move {name.Text} " +
                                "out of the directory");
                    }

                    break;
                case "index" when option.Arguments.Length > 0 && option.Words.All(FilesReader.IsIndexName):
                    index = [.. option.Words];
                    break;
                default:
                    remarks.Problem(option.At, Why(option));
                    break;
            }
        }

        return new FilesStep(directive, matcher, root, index);
    }

    private const string Browse = "browse cannot be translated: EdgeProxy shows no listings of directories; remove it, or let the app show them";

    private static string Why(Statement option) => option.Name.Text switch
    {
        "browse" => Browse,
        "pass_thru" =>
            "pass_thru cannot be translated: a static path owns all beneath it, and what is not there is 404; put the files below a path of their own",
        _ => $"file_server's {option.Name.Text} cannot be translated; remove it",
    };
}
