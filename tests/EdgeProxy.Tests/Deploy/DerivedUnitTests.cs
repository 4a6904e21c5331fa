using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Deploy;

/// <summary>What <c>setup_bluegreen.sh</c> makes of the app's single unit for a slot.</summary>
public sealed class DerivedUnitTests
{
    private const string Address = "http://127.0.0.1:8100";

    [Theory]
    [InlineData("/v/bin/gunicorn --bind 127.0.0.1:8000 app.wsgi", "/v/bin/gunicorn --bind 127.0.0.1:8100 app.wsgi")]
    [InlineData("/v/bin/gunicorn --bind 127.0.0.1:8000 -b unix:/run/a.sock app.wsgi", "/v/bin/gunicorn --bind 127.0.0.1:8100 app.wsgi")]
    [InlineData("/v/bin/gunicorn -b127.0.0.1:8000 app.wsgi", "/v/bin/gunicorn --bind 127.0.0.1:8100 app.wsgi")]
    [InlineData("/v/bin/gunicorn -c gunicorn.conf.py app.wsgi", "/v/bin/gunicorn --bind 127.0.0.1:8100 -c gunicorn.conf.py app.wsgi")]
    [InlineData(
        "/v/bin/gunicorn -k uvicorn.workers.UvicornWorker --bind=0.0.0.0:80 a.asgi",
        "/v/bin/gunicorn --bind 127.0.0.1:8100 -k uvicorn.workers.UvicornWorker a.asgi")]
    [InlineData(
        "/bin/bash -c 'cd /srv/gunicorn && source v/bin/activate && exec gunicorn app -b 127.0.0.1:8000'",
        "/bin/bash -c 'cd /srv/gunicorn && source v/bin/activate && exec gunicorn --bind 127.0.0.1:8100 app'")]
    [InlineData("/bin/sh -c \"gunicorn app --bind $HOST:$PORT\"", "/bin/sh -c \"gunicorn --bind 127.0.0.1:8100 app\"")]
    [InlineData("\"/srv/my app/bin/gunicorn\" app", "\"/srv/my app/bin/gunicorn\" --bind 127.0.0.1:8100 app")]
    [InlineData("/usr/bin/poetry run gunicorn --name gunicorn app", "/usr/bin/poetry run gunicorn --bind 127.0.0.1:8100 --name gunicorn app")]
    [InlineData("/usr/bin/uv run uvicorn a:b --uds /run/a.sock", "/usr/bin/uv run uvicorn --host 127.0.0.1 --port 8100 a:b")]
    [InlineData("/v/bin/python -m uvicorn a:b --host 0.0.0.0 --port 8000", "/v/bin/python -m uvicorn --host 127.0.0.1 --port 8100 a:b")]
    [InlineData("/v/bin/daphne -b 0.0.0.0 -p 8001 a:b", "/v/bin/daphne -b 127.0.0.1 -p 8100 a:b")]
    [InlineData("/v/bin/hypercorn a:b --bind 127.0.0.1:8000", "/v/bin/hypercorn --bind 127.0.0.1:8100 a:b")]
    [InlineData("/usr/bin/uwsgi --http-socket :8000 --module a", "/usr/bin/uwsgi --http-socket 127.0.0.1:8100 --module a")]
    public async Task It_listens_at_the_slots_address_and_nowhere_else(string command, string expected)
    {
        var text = await DeriveAsync("shop.service", $"[Service]\nExecStart={command}\n");

        Assert.Equal(Spaced($"ExecStart={expected}"), Spaced(Assert.Single(text.Split('\n'), line => line.StartsWith("ExecStart", StringComparison.Ordinal))));
    }

    [Fact]
    public async Task What_only_one_process_can_have_is_the_slots_own()
    {
        var text = await DeriveAsync(
            "shop@de.service",
            "[Unit]\nDescription=Shop\nRequires=shop.socket\nAfter=network.target shop.socket\n" +
                "[Service]\nRuntimeDirectory=shop\nPIDFile=/run/shop/pid\nEnvironment=WHO=%i,%p,100%%\n" +
                "ExecStart=\nExecStart=/v/bin/gunicorn --pid /run/shop/pid \\\n  --bind unix:/run/shop/a.sock \\\n  --error-logfile /var/log/shop/%i.log app\n",
            "shop.socket");

        Assert.Equal(
            """
            [Unit]
            Description=Shop (blue)

            After=network.target
            [Service]
            RuntimeDirectory=shop-blue
            PIDFile=/run/shop-blue/pid-blue
            Environment=WHO=de,shop,100%%
            ExecStart=
            ExecStart=/v/bin/gunicorn --bind 127.0.0.1:8100 --pid /run/shop-blue/pid-blue \
             \
             --error-logfile /var/log/shop/de.log app

            """,
            Spaced(text));
    }

    [Theory]
    [InlineData(
        "start.sh", "#!/bin/sh\nexec gunicorn --bind 127.0.0.1:8000 app\n", "FILE",
        "sudo sed -i 's|127\\.0\\.0\\.1:8000|${BIND:-127.0.0.1:8000}|' FILE")]
    [InlineData(
        "uwsgi.ini", "[uwsgi]\nhttp-socket = 127.0.0.1:8000\n", "/usr/bin/uwsgi --ini FILE", "printf '[Service]\\nEnvironment=BIND=127.0.0.1:8000\\n'")]
    public async Task A_file_that_says_where_to_listen_needs_a_place_for_it(string name, string content, string command, string told)
    {
        using var directory = new TemporaryDirectory();
        var file = Path.Combine(directory.Path, name);
        await File.WriteAllTextAsync(file, content, TestContext.Current.CancellationToken);
        var unit = $"[Service]\nExecStart={command.Replace("FILE", file, StringComparison.Ordinal)}\n";

        var refused = await RunAsync("shop.service", unit);
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains(told.Replace("FILE", file, StringComparison.Ordinal), refused.Error.Split('\n')[^2], StringComparison.Ordinal);

        await File.WriteAllTextAsync(
            file,
            content.Replace("127.0.0.1:8000", name == "start.sh" ? "${BIND:-127.0.0.1:8000}" : "$(BIND)", StringComparison.Ordinal),
            TestContext.Current.CancellationToken);
        Assert.EndsWith("\n[Service]\nEnvironment=BIND=127.0.0.1:8100\n", await DeriveAsync("shop.service", unit), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(
        "run me;id.sh", "#!/bin/sh\nexec gunicorn --bind 127.0.0.1:8000 app\n", "\"FILE\"",
        "sudo sed -i 's|127\\.0\\.0\\.1:8000|${BIND:-127.0.0.1:8000}|' 'FILE'")]
    [InlineData("start.sh", "#!/bin/sh\nexec gunicorn --bind [::1]:8000 app\n", "FILE", "sudo sed -i 's|\\[::1\\]:8000|${BIND:-[::1]:8000}|' FILE")]
    [InlineData("start.sh", "#!/bin/sh\nexec gunicorn --bind X|e;# }\n", "FILE", "sudoedit FILE")]
    [InlineData("start.sh", "#!/bin/sh\nexec gunicorn --bind $(id) app\n", "FILE", "sudoedit FILE")]
    [InlineData("my start.sh", "#!/bin/sh\nexec gunicorn app\n", "'FILE'", "sudoedit 'FILE'")]
    [InlineData("uwsgi.ini", "[uwsgi]\nhttp-socket = :8000'|id\n", "/usr/bin/uwsgi --ini=FILE", "sudoedit FILE")]
    public async Task What_is_to_be_pasted_runs_nothing_of_the_apps_files(string name, string content, string command, string told)
    {
        using var directory = new TemporaryDirectory();
        var file = Path.Combine(directory.Path, name);
        await File.WriteAllTextAsync(file, content, TestContext.Current.CancellationToken);

        var refused = await RunAsync("shop.service", $"[Service]\nExecStart={command.Replace("FILE", file, StringComparison.Ordinal)}\n");

        Assert.Equal(1, refused.ExitCode);
        var line = refused.Error.Split('\n')[^2];
        Assert.Equal(told.Replace("FILE", file, StringComparison.Ordinal), line);
        if (line.StartsWith("sudo sed ", StringComparison.Ordinal))
        {
            var pasted = await Tool.RunAsync("sh", ["-c", line["sudo ".Length..]]);
            Assert.True(pasted.ExitCode == 0, pasted.Error);
            Assert.Contains("${BIND:-", await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("/", false)]
    [InlineData("", false)]
    [InlineData("//", false)]
    [InlineData("/etc", false)]
    [InlineData("/./etc/app/", false)]
    [InlineData("/root/static", false)]
    [InlineData("/var", false)]
    [InlineData("/var/run/static", false)]
    [InlineData("/home", false)]
    [InlineData("/home/shop", false)]
    [InlineData("/home/shop/.ssh", false)]
    [InlineData("/srv/app", false)]
    [InlineData(".", false)]
    [InlineData("/home/shop/static", true)]
    [InlineData("/var/www/shop/", true)]
    [InlineData("/data", true)]
    [InlineData("staticfiles/", true)]
    public async Task A_new_site_serves_no_directory_of_the_systems_or_of_others(string root, bool isTaken)
    {
        foreach (var option in (string[])["--static-root", "--media-root"])
        {
            // Where the root is fine, it is the deployer that is refused.
            var run = await Tool.RunAsync(
                Repository.File("deploy/new-site"),
                ["--host", "a.example", "--repository", "https://a.example/a.git", "--settings", "a.settings", option, root, "--deployer", "root"]);

            Assert.Equal(2, run.ExitCode);
            Assert.Equal(!isTaken, run.Error.StartsWith($"new-site: {option} ", StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task Supervisors_program_becomes_a_unit_to_be_pasted()
    {
        using var directory = new TemporaryDirectory();
        var file = Path.Combine(directory.Path, "shop.conf");
        await File.WriteAllTextAsync(
            file,
            "[program:worker]\ncommand=/v/bin/celery worker\n" +
                "[program:shop]\ncommand=/v/bin/gunicorn app -b 127.0.0.1:8000 ; the shop\ndirectory=/srv/shop\nuser=shop\nenvironment=A=\"x y\",B=2\n",
            TestContext.Current.CancellationToken);

        var run = await Tool.RunAsync("python3", ["-I", Repository.File("deploy/lib/supervisor_unit.py"), "deploy/setup_bluegreen.sh --grant", file]);

        Assert.True(run.ExitCode == 0, run.Error);
        Assert.Contains(
            "User=shop\nWorkingDirectory=/srv/shop\nEnvironment=\"A=x y\"\nEnvironment=\"B=2\"\nExecStart=/v/bin/gunicorn app -b 127.0.0.1:8000\n",
            run.Output,
            StringComparison.Ordinal);
        Assert.EndsWith(
            "sudo supervisorctl stop shop && sudo systemctl enable --now app-server-prod && " +
                "sudo deploy/setup_bluegreen.sh --grant --single app-server-prod\n",
            run.Output,
            StringComparison.Ordinal);
    }

    private static Task<CommandLine> RunAsync(string unit, string text, params string[] sockets) =>
        Tool.RunAsync("python3", ["-I", Repository.File("deploy/lib/derive_unit.py"), unit, "blue", Address, .. sockets], text);

    private static async Task<string> DeriveAsync(string unit, string text, params string[] sockets)
    {
        var run = await RunAsync(unit, text, sockets);
        Assert.True(run.ExitCode == 0, run.Error);
        return run.Output;
    }

    /// <summary>Where an option was, spaces are left.</summary>
    private static string Spaced(string text) =>
        System.Text.RegularExpressions.Regex.Replace(text, " +", " ", System.Text.RegularExpressions.RegexOptions.None, TimeSpan.FromSeconds(1));
}
