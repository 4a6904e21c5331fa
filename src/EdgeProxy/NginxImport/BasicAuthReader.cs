using System.Text;
using System.Text.Json.Nodes;
using EdgeProxy.Importing;
using EdgeProxy.NginxImport.Syntax;
using EdgeProxy.Sites.BasicAuth;

namespace EdgeProxy.NginxImport;

/// <summary><c>auth_basic</c> and the file of its users.</summary>
/// <param name="directory">What a relative name of a file is relative to.</param>
internal sealed class BasicAuthReader(ImportRemarks remarks, string directory)
{
    private const long MaxSize = 1 << 20;

    /// <returns><c>BasicAuth</c> of a route; null: everybody may come, or a problem has said why that is not known.</returns>
    public JsonObject? Read(Level level)
    {
        if (level.Last("auth_basic") is not { } line || line.Arguments is ["off"])
        {
            return null;
        }

        if (line.Arguments is not [var realm] || realm.Any(character => character is < ' ' or > '~' or '"' or '\\' or '$'))
        {
            remarks.Problem(line.At, $"'{line}' cannot be translated: write one text of ASCII without quotes, backslashes and variables");
            return null;
        }

        if (level.Last("auth_basic_user_file") is not { Arguments: [var name] } file || Variables.AreIn(name))
        {
            remarks.Problem(line.At, $"'{line}' has no auth_basic_user_file without variables; write one, with hashes of bcrypt (htpasswd -B)");
            return null;
        }

        remarks.NoteOnce(
            line.At,
            "auth_basic",
            "after many wrong passwords an address gets 429 for some time; the hashes are in the settings now, and a change of the file does not count until " +
                "it is imported again");
        return ReadUsers(Path.GetFullPath(name, directory), file) is { } users ? new JsonObject { ["Users"] = users, ["Realm"] = realm } : null;
    }

    private JsonObject? ReadUsers(string path, Directive from)
    {
        var (users, before) = (new JsonObject(), remarks.ProblemCount);
        try
        {
            if (new FileInfo(path).Length > MaxSize)
            {
                remarks.Problem(from.At, $"{path} is larger than 1 MB; write a smaller one");
                return null;
            }

            foreach (var (i, line) in File.ReadAllLines(path, Encoding.UTF8).Index())
            {
                if (line.Length > 0 && line[0] != '#' && line.Split(':') is [var user, var hash, ..])
                {
                    Add(users, user, hash, new SourceLine(path, i + 1));
                }
            }
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            remarks.Problem(from.At, $"{path} cannot be read: {unreadable.Message}; import as a user who may read it");
            return null;
        }

        if (users.Count == 0 && remarks.ProblemCount == before)
        {
            remarks.Problem(from.At, $"{path} names no user; write one with htpasswd -B {path} NAME, or deny all in place of auth_basic");
        }

        return remarks.ProblemCount == before ? users : null;
    }

    private void Add(JsonObject users, string user, string hash, SourceLine at)
    {
        if (users.ContainsKey(user))
        {
            return; // nginx takes the first one
        }

        if (users.Any(other => other.Key.Equals(user, StringComparison.OrdinalIgnoreCase)))
        {
            remarks.Problem(at, $"the user {user} is there twice but for letter case, which settings do not tell apart; rename one");
        }
        else if (!BcryptHash.IsValid(hash))
        {
            remarks.Problem(at, $"the password of {user} is no hash of bcrypt, and others are not checked here: write it anew with htpasswd -B {at.File} " +
                $"{user} (nginx on Linux reads bcrypt, too)");
        }
        else if (BcryptHash.CostOf(hash) is < BcryptHash.MinCost or > BcryptHash.MaxCost)
        {
            remarks.Problem(at, $"the password of {user} has a cost beyond {BcryptHash.MinCost} to {BcryptHash.MaxCost}: write it anew with htpasswd -B " +
                $"-C 10 {at.File} {user}");
        }
        else
        {
            users[user] = hash;
        }
    }
}
