using System.Text;
using System.Text.RegularExpressions;
using EdgeProxy.Importing;

namespace EdgeProxy.CaddyImport.Syntax;

/// <summary>Reads files into words, and puts values for <c>{$VARIABLE}</c> and <c>{$VARIABLE:default}</c>, before anything else as Caddy does.</summary>
/// <param name="environment">The value of a variable; null: it is not set.</param>
/// <param name="remarks">A variable without a value is a problem: Caddy, which has another environment, would take the empty text.</param>
internal sealed partial class CaddyfileReader(Func<string, string?> environment, ImportRemarks remarks)
{
    /// <summary>Far above any Caddyfile that people write.</summary>
    private const int MaxFileSize = 1 << 20;

    /// <summary>Stands for a value that is not known, so that the rest of the file can be looked at; a name and a path can be that (RFC 6761).</summary>
    private const string Unset = "unset.invalid";

    private static readonly UTF8Encoding _strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>The words of a file.</summary>
    /// <param name="file">Where it is.</param>
    /// <param name="from">The place that refers to it: named where it cannot be read.</param>
    /// <exception cref="CaddyfileSyntaxException">It cannot be read, or is no text.</exception>
    public IReadOnlyList<Token> Read(string file, SourceLine from) => [.. Lexer.Split(Replace(ReadText(file, from), file), file).Select(ReplaceAtRuntime)];

    private static string ReadText(string file, SourceLine from)
    {
        try
        {
            using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            var content = new byte[MaxFileSize + 1];
            var length = stream.ReadAtLeast(content, content.Length, throwOnEndOfStream: false);
            var text = length > MaxFileSize
                ? throw new CaddyfileSyntaxException(from, $"{file} is larger than 1 MB, which no Caddyfile is")
                : _strict.GetString(content, 0, length);
            return text.Contains('\0', StringComparison.Ordinal) ? throw NoText(file, from) : text.TrimStart('\uFEFF');
        }
        catch (DecoderFallbackException)
        {
            throw NoText(file, from);
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            throw new CaddyfileSyntaxException(from, $"{file} cannot be read: {unreadable.Message}");
        }
    }

    private static CaddyfileSyntaxException NoText(string file, SourceLine from) => new(from, $"{file} is not a text file in UTF-8");

    /// <summary><c>{env.NAME}</c>: Caddy reads it while it runs, and never as more than one word.</summary>
    private Token ReplaceAtRuntime(Token token) => token with
    {
        Text = RuntimeVariable().Replace(token.Text, variable =>
        {
            var name = variable.Groups["name"].Value;
            if (environment(name) is { } value)
            {
                remarks.Note(token.At, $"{variable.Value} is read by Caddy while it runs; the settings have the value that {name} has now");
                return value;
            }

            remarks.Problem(token.At, NotSet(variable.Value, name));
            return Unset;
        }),
    };

    private static string NotSet(string variable, string name) =>
        $"{variable} is not set here, and may be in Caddy's environment (systemctl show caddy -p Environment); set {name} for this command too";

    private string Replace(string text, string file) => Variable().Replace(text, variable =>
    {
        var name = variable.Groups["name"].Value;
        if ((environment(name) ?? (variable.Groups["default"] is { Success: true } otherwise ? otherwise.Value : null)) is { } value)
        {
            return value;
        }

        var line = 1 + text.AsSpan(0, variable.Index).Count('\n');
        remarks.Problem(new SourceLine(file, line), NotSet(variable.Value, name));
        return Unset;
    });

    [GeneratedRegex(@"\{env\.(?<name>[^{}]+)\}")]
    private static partial Regex RuntimeVariable();

    [GeneratedRegex(@"\{\$(?<name>[^}:]+)(:(?<default>[^}]*))?\}")]
    private static partial Regex Variable();
}
