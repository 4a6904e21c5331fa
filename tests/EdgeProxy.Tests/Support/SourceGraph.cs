using System.Text.RegularExpressions;

namespace EdgeProxy.Tests.Support;

/// <summary>Which source file of the product uses which: read from the text, by <c>using</c>, by the names of types, and by extension methods.</summary>
/// <remarks>
/// Text sees what the compiler leaves no trace of (constants, <c>nameof</c>, a <c>using</c> that nothing needs). What text cannot see, a type whose name is not
/// written, is seen in the assembly.
/// </remarks>
internal sealed partial class SourceGraph
{
    private readonly Dictionary<string, HashSet<string>> _uses = [];
    private readonly HashSet<(string From, string To)> _rooms = [];

    private SourceGraph(IReadOnlyList<SourceFile> files)
    {
        var types = files.SelectMany(file => file.Types.Select(name => (Name: name, File: file))).ToLookup(pair => pair.Name, pair => pair.File);
        var extensions = files.SelectMany(file => file.Extensions.Select(name => (Name: name, File: file))).ToLookup(pair => pair.Name, pair => pair.File);
        foreach (var file in files)
        {
            var used = file.Words.SelectMany(word => word.Qualifier is null
                ? types[word.Name].Where(other => file.Sees(other.Namespace))
                : types[word.Name].Where(other => other.Namespace.EndsWith("." + word.Qualifier, StringComparison.Ordinal))
                    .Concat(extensions[word.Name].Where(other => file.Sees(other.Namespace)))).Where(other => other != file).ToHashSet();
            _uses[file.Path] = [.. used.Select(other => other.Path)];
            foreach (var room in used.Select(other => other.Room).Concat(file.Usings.Select(RoomOf)).Where(room => room.Length > 0 && room != file.Room))
            {
                _rooms.Add((file.Room, room));
            }
        }

        Rooms = files.Select(file => file.Room).ToHashSet();
    }

    /// <summary>The folders below the root, the root itself (<c>.</c>), and <c>Program</c>, where the process begins.</summary>
    public IReadOnlySet<string> Rooms { get; }

    public IReadOnlySet<(string From, string To)> RoomUses => _rooms;

    /// <summary>Pairs of rooms that use each other.</summary>
    public IEnumerable<(string One, string Other)> MutualRooms =>
        _rooms.Where(edge => string.CompareOrdinal(edge.From, edge.To) < 0 && _rooms.Contains((edge.To, edge.From)));

    /// <summary>Where the sources of the product are.</summary>
    public static string Folder { get; } = Repository.File("src/EdgeProxy");

    /// <summary>The sources of the product.</summary>
    public static SourceGraph OfProduct() => Of(Folder);

    private static SourceGraph Of(string root) => new([..
        from path in Directory.EnumerateFiles(root, "*.cs", SearchOption.AllDirectories)
        let relative = Path.GetRelativePath(root, path)
        where !relative.StartsWith("obj/", StringComparison.Ordinal) && !relative.StartsWith("bin/", StringComparison.Ordinal)
        select new SourceFile(relative, Code(File.ReadAllText(path)))]);

    /// <summary>The files outside a folder that use what is in it.</summary>
    public IEnumerable<string> UsersOf(string folder) => _uses
        .Where(file => !IsIn(file.Key, folder) && file.Value.Any(used => IsIn(used, folder)))
        .Select(file => file.Key);

    private static bool IsIn(string file, string folder) => file.StartsWith($"{folder}/", StringComparison.Ordinal);

    /// <summary>The largest set of files of which each uses each other, if only by way of others.</summary>
    public IReadOnlyList<string> LargestCycle()
    {
        var reached = _uses.Keys.ToDictionary(file => file, Reach);
        return reached.Keys
            .Select(file => reached[file].Where(other => reached[other].Contains(file)).Order(StringComparer.Ordinal).ToArray())
            .MaxBy(cycle => cycle.Length) ?? [];
    }

    private HashSet<string> Reach(string start)
    {
        var reached = new HashSet<string>();
        var next = new Stack<string>(_uses[start]);
        while (next.TryPop(out var file))
        {
            if (reached.Add(file))
            {
                foreach (var used in _uses[file])
                {
                    next.Push(used);
                }
            }
        }

        return reached;
    }

    /// <summary><c>EdgeProxy.Tls.Acme</c> is of the room <c>Tls</c>; empty: of none.</summary>
    private static string RoomOf(string usedNamespace) => usedNamespace.Split('.') is ["EdgeProxy", var room, ..] ? room : "";

    /// <summary>Without comments and texts; of an interpolated text its holes are kept.</summary>
    private static string Code(string source) => CommentOrText().Replace(source, match =>
        match.Value[0] == '$' ? string.Join(' ', Hole().Matches(match.Value).Select(hole => hole.Value)) : " ");

    private sealed class SourceFile
    {
        public SourceFile(string path, string code)
        {
            Path = path;
            Room = path.Contains('/', StringComparison.Ordinal) ? path[..path.IndexOf('/', StringComparison.Ordinal)] : path == "Program.cs" ? "Program" : ".";
            Namespace = NamespaceLine().Match(code).Groups["name"].Value;
            Usings = [.. UsingLine().Matches(code).Select(match => match.Groups["name"].Value)];
            Types = [.. TypeDeclaration().Matches(code).Select(match => match.Groups["name"].Value).Distinct()];
            Extensions = [.. Extension().Matches(code).Select(match => match.Groups["name"].Value).Distinct()];
            Words = [.. Word().Matches(UsingLine().Replace(code, ""))
                .Select(match => (match.Groups["name"].Value, match.Groups["dot"].Success ? match.Groups["before"].Value : null)).Distinct()];
        }

        public string Path { get; }

        public string Room { get; }

        public string Namespace { get; }

        public string[] Usings { get; }

        /// <summary>Those of the top level.</summary>
        public string[] Types { get; }

        /// <summary>The names of extension methods.</summary>
        public string[] Extensions { get; }

        /// <summary>Each name that starts with a capital, and the name before its dot; null: there is no dot before it.</summary>
        public (string Name, string? Qualifier)[] Words { get; }

        /// <summary>Whether a name without a qualifier may be one of that namespace.</summary>
        public bool Sees(string other) => other == Namespace || Namespace.StartsWith(other + ".", StringComparison.Ordinal) || Usings.Contains(other);
    }

    [GeneratedRegex("""//[^\n]*|/\*[\s\S]*?\*/|\$*\"{3}[\s\S]*?\"{3}|[$@]*"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])'""")]
    private static partial Regex CommentOrText();

    [GeneratedRegex(@"\{[^{}]*\}")]
    private static partial Regex Hole();

    [GeneratedRegex(@"^namespace (?<name>[\w.]+);", RegexOptions.Multiline)]
    private static partial Regex NamespaceLine();

    [GeneratedRegex(@"^using (?:static )?(?:\w+ = )?(?<name>[\w.]+);", RegexOptions.Multiline)]
    private static partial Regex UsingLine();

    [GeneratedRegex(@"^(?:\w+ )*(?:class|record struct|record|struct|interface|enum) (?<name>\w+)", RegexOptions.Multiline)]
    private static partial Regex TypeDeclaration();

    [GeneratedRegex(@"\bstatic [^;{}=()]*? (?<name>\w+)(?:<\w+>)?\(this ")]
    private static partial Regex Extension();

    [GeneratedRegex(@"(?<=(?<dot>(?<before>\w*)[?!)\]>}\s]*\.)?)\b(?<name>[A-Z]\w*)")]
    private static partial Regex Word();
}
