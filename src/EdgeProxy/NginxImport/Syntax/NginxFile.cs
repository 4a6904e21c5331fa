using System.Globalization;
using System.IO.Enumeration;
using System.Text;
using EdgeProxy.Importing;

namespace EdgeProxy.NginxImport.Syntax;

/// <summary>Reads a configuration of nginx, <c>include</c> followed: whole, or a part such as a file of <c>sites-enabled</c>.</summary>
internal sealed class NginxFile
{
    private const int MaxSize = 1 << 20;
    private const int MaxDepth = 30;
    private const int MaxDirectives = 50_000;

    private static readonly UTF8Encoding _strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly string _file;
    private readonly string _base;
    private int _count;

    private NginxFile(string file)
    {
        _file = file;
        _base = BaseOf(file);
    }

    /// <summary>The directives of the file, those of <c>http</c> where it has that block.</summary>
    /// <exception cref="NginxSyntaxException">It cannot be read, or is none.</exception>
    public static IReadOnlyList<Directive> ReadHttp(string file)
    {
        var all = new NginxFile(file).Read(file, new SourceLine(file, 0), depth: 0);
        return all.FirstOrDefault(directive => directive.Name == "http")?.Block ?? all;
    }

    /// <summary>What relative names are relative to: the directory of <c>nginx.conf</c>, in which a part of it lies somewhere.</summary>
    public static string BaseOf(string file)
    {
        var own = Path.GetDirectoryName(Path.GetFullPath(file))!;
        for (var directory = own; directory is not null; directory = Path.GetDirectoryName(directory))
        {
            if (File.Exists(Path.Combine(directory, "nginx.conf")))
            {
                return directory;
            }
        }

        return own;
    }

    private List<Directive> Read(string file, SourceLine from, int depth)
    {
        if (depth > MaxDepth)
        {
            throw new NginxSyntaxException(from, $"{file}: more than {MaxDepth} includes and blocks are within each other");
        }

        using var words = new WordReader(ReadText(file, from), file).Read().GetEnumerator();
        var directives = ReadBlock(words, opened: null, depth);
        return directives;
    }

    private List<Directive> ReadBlock(IEnumerator<Word> words, SourceLine? opened, int depth)
    {
        var directives = new List<Directive>();
        var line = new List<Word>();
        while (words.MoveNext())
        {
            var word = words.Current;
            if (!word.IsSign)
            {
                line.Add(word);
                continue;
            }

            if (word.Text == "}")
            {
                return opened is null || line.Count > 0 ? throw new NginxSyntaxException(word.At, "'}' is not expected here") : directives;
            }

            if (line.Count == 0 || ++_count > MaxDirectives || depth > MaxDepth)
            {
                throw new NginxSyntaxException(word.At, line.Count == 0 ? $"'{word.Text}' is not expected here" : "the configuration is too large");
            }

            var (name, arguments) = (line[0], line.Skip(1).Select(argument => argument.Text).ToList());
            line.Clear();
            if (word.Text == "{")
            {
                directives.Add(new Directive(name.Text, [.. arguments], ReadBlock(words, name.At, depth + 1), name.At));
            }
            else if (name.Text == "include" && arguments is [var pattern])
            {
                directives.AddRange(Find(pattern, name.At).SelectMany(file => Read(file, name.At, depth + 1)));
            }
            else
            {
                directives.Add(new Directive(name.Text, [.. arguments], Block: null, name.At));
            }
        }

        return opened is { } at ? throw new NginxSyntaxException(at, "the '{' of this line is not closed")
            : line.Count > 0 ? throw new NginxSyntaxException(line[0].At, $"'{line[0].Text}' does not end with a semicolon")
            : directives;
    }

    /// <summary>In the order of glob(3). A pattern may match nothing; a name may not.</summary>
    private IEnumerable<string> Find(string pattern, SourceLine from)
    {
        var path = Path.GetFullPath(pattern, _base);
        var (directory, name) = (Path.GetDirectoryName(path)!, Path.GetFileName(path));
        if (directory.AsSpan().IndexOfAny('*', '?', '[') >= 0 || name.Contains('[', StringComparison.Ordinal))
        {
            throw new NginxSyntaxException(from, $"include {pattern} has a pattern that is not read here; write * or ? in the name of a file only");
        }

        if (name.AsSpan().IndexOfAny('*', '?') < 0)
        {
            return [path];
        }

        return !Directory.Exists(directory) ? [] : Directory.EnumerateFiles(directory)
            .Where(found => FileSystemName.MatchesSimpleExpression(name, Path.GetFileName(found), ignoreCase: false)
                && !Path.GetFileName(found).StartsWith('.'))
            .Order(StringComparer.Ordinal);
    }

    private string ReadText(string file, SourceLine from)
    {
        try
        {
            using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            var content = new byte[MaxSize + 1];
            var length = stream.ReadAtLeast(content, content.Length, throwOnEndOfStream: false);
            var text = length > MaxSize ? throw new NginxSyntaxException(from, $"{file} is larger than 1 MB")
                : _strict.GetString(content, 0, length).TrimStart('\uFEFF');
            return text.Contains('\0', StringComparison.Ordinal) ? throw NoText(file, from) : text;
        }
        catch (DecoderFallbackException)
        {
            throw NoText(file, from);
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            throw new NginxSyntaxException(from, string.Create(CultureInfo.InvariantCulture, $"{file} cannot be read: {unreadable.Message}"));
        }
    }

    private NginxSyntaxException NoText(string file, SourceLine from) => new(from, $"{(file == _file ? "this" : file)} is not a text file in UTF-8");
}
