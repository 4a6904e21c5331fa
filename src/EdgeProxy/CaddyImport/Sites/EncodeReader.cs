using System.Globalization;
using System.Text.Json.Nodes;
using EdgeProxy.CaddyImport.Syntax;
using EdgeProxy.Importing;

namespace EdgeProxy.CaddyImport.Sites;

/// <summary><c>encode</c>.</summary>
internal static class EncodeReader
{
    private static readonly string[] _codings = ["zstd", "br", "gzip"];

    public static EncodeStep Read(Statement directive, PathMatcher matcher, Token[] arguments, ImportRemarks remarks, SettingsDraft draft)
    {
        var encodings = new List<string>();
        foreach (var argument in arguments)
        {
            Add(argument);
        }

        foreach (var option in directive.Block ?? [])
        {
            switch (option)
            {
                case { Name.Text: "minimum_length", Arguments: [var length] } when int.TryParse(
                    length.Text, NumberStyles.None, CultureInfo.InvariantCulture, out var bytes):
                    draft.Set("EdgeProxy:Compression:MinimumSize", JsonValue.Create(bytes), option.At);
                    break;
                case { Name.Text: "match", Block: { } block } when MimeTypes(block) is { Count: > 0 } types:
                    draft.Set("EdgeProxy:Compression:MimeTypes", new JsonArray([.. types.Select(type => JsonValue.Create(type))]), option.At);
                    break;
                case { Name.Text: "match" or "minimum_length" }:
                    remarks.Problem(option.At, "only 'minimum_length BYTES' and 'match { header Content-Type text/* }' of encode can be translated");
                    break;
                default:
                    Add(option.Name);
                    NoteLevel(option, remarks);
                    break;
            }
        }

        // Without any, later versions of Caddy offer these two.
        return new EncodeStep(directive, matcher, encodings.Count > 0 ? encodings : ["zstd", "gzip"]);

        void Add(Token coding)
        {
            if (!_codings.Contains(coding.Text))
            {
                remarks.Problem(coding.At, $"'{coding.Text}' of encode cannot be translated: EdgeProxy offers {string.Join(", ", _codings)}");
            }
            else if (!encodings.Contains(coding.Text))
            {
                encodings.Add(coding.Text);
            }
        }
    }

    private static void NoteLevel(Statement coding, ImportRemarks remarks)
    {
        if (coding.Arguments.Length > 0 || coding.Block is not null)
        {
            remarks.Note(coding.At, $"the level in '{coding}' is left out: EdgeProxy chooses quick ones for the app's responses and the best for files");
        }
    }

    /// <summary>Null: it asks for something else than content types.</summary>
    private static List<string>? MimeTypes(IReadOnlyList<Statement> lines)
    {
        var types = new List<string>();
        foreach (var line in lines)
        {
            if (line is not { Name.Text: "header", Arguments: [var field, ..] } || !field.Text.Equals("Content-Type", StringComparison.OrdinalIgnoreCase))
            {
                return null;
            }

            // "application/json*" is how Caddyfiles allow for a charset; parameters do not matter here.
            types.AddRange(line.Words.Skip(1).Select(type => type.EndsWith("/*", StringComparison.Ordinal) ? type : type.TrimEnd('*')));
        }

        return types;
    }
}
